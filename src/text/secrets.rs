//! Values that are nobody's business who looks over a shoulder, or reads a file that was attached to a
//! ticket: what looks like a password, a token or a key, in JSON and in text that should be JSON.
//!
//! Told by the name, as their authors choose names (`DB_PASSWORD`, `--token`, `apiKey`), and by a few
//! forms (`user:password@host` of a URL, a private key). This is a courtesy and no wall: a secret under
//! an innocent name is seen, and one mask too many costs a key press.

use std::ops::Range;

use serde_json::Value;

/// What stands in place of a value.
pub const MASKED: &str = "(masked)";

/// Parts of names that promise a secret.
const PARTS: [&str; 14] = [
    "PASS",
    "PWD",
    "SECRET",
    "TOKEN",
    "KEY",
    "CRED",
    "PRIVATE",
    "COOKIE",
    "JWT",
    "BEARER",
    "SIGNATURE",
    "WEBHOOK",
    "CONNECTION_STRING",
    "CONNECTIONSTRING",
];
/// Whole words of names that do.
const WORDS: [&str; 5] = ["PW", "PIN", "SALT", "DSN", "SAS"];
/// How names end that say where a secret is, and not what.
const PLACES: [&str; 4] = ["FILE", "PATH", "DIR", "SOCK"];
/// The longest name, and the longest authority of a URL, that is looked at.
const NAME_MAX: usize = 128;
const AUTHORITY_MAX: usize = 512;
/// As much of a long value is shown where it is one of many.
const SHOWN: usize = 2048;
/// JSON in strings in JSON is followed this deep.
const NESTED: usize = 3;

/// Which values are masked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Masking {
    /// Those that look secret.
    #[default]
    Likely,
    /// These, and all of an environment.
    Environment,
    /// None.
    Nothing,
}

/// Whether a value of this name should not be seen by everybody.
///
/// ```
/// use ocitop::text::secrets::looks_secret;
/// assert!(["DB_PASSWORD", "apiKey", "--token", "MYSQL_PWD", "Authorization"].into_iter().all(looks_secret));
/// assert!(!["PATH", "PWD", "OLDPWD", "GIT_AUTHOR_NAME", "HOME"].into_iter().any(looks_secret));
/// ```
pub fn looks_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    // The working directory, of every shell.
    if name == "PWD" || name == "OLDPWD" {
        return false;
    }
    let authenticates = || {
        let mut found = name.match_indices("AUTH");
        found.any(|(at, word)| {
            let rest = name.get(at + word.len()..).unwrap_or_default();
            !rest.starts_with("OR") || rest.starts_with("ORIZ")
        })
    };
    PARTS.iter().any(|part| name.contains(part))
        || name
            .split(|c: char| !c.is_ascii_alphanumeric())
            .any(|word| WORDS.contains(&word))
        || authenticates()
}

/// Whether what has this name and value is one.
fn is_secret(name: &str, value: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    let is_place = value.starts_with('/') && PLACES.iter().any(|end| upper.ends_with(end));
    !value.is_empty() && !is_place && looks_secret(name)
}

/// Masks, and counts what it masked.
#[derive(Debug)]
pub struct Masker {
    masking: Masking,
    masked: usize,
}

/// What the strings of an array are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Among {
    Anything,
    Environment,
    Arguments,
}

impl Among {
    fn of(key: &str) -> Self {
        match key.to_ascii_lowercase().as_str() {
            "env" | "environment" => Self::Environment,
            "args" | "command" | "cmd" | "entrypoint" => Self::Arguments,
            _ => Self::Anything,
        }
    }
}

impl Masker {
    /// One that has masked nothing yet.
    pub fn new(masking: Masking) -> Self {
        Self { masking, masked: 0 }
    }

    /// How many values it masked.
    pub fn masked(&self) -> usize {
        self.masked
    }

    /// Masks in a value.
    pub fn json(&mut self, value: &mut Value) {
        if self.masking != Masking::Nothing {
            self.value(value, Among::Anything, NESTED);
        }
    }

    /// Masks in what is no JSON: a file that is cut, or none at all. What stands in quotes is taken for
    /// strings of JSON.
    pub fn text(&mut self, text: &str) -> String {
        if self.masking == Masking::Nothing {
            return text.to_owned();
        }
        let mut out = String::with_capacity(text.len());
        let (mut before, mut rest) = ("", text);
        while let Some((plain, quoted)) = rest.split_once('"') {
            let (string, after) = string_of(quoted);
            let plain = self.scan(plain);
            let masked = match plain.trim() {
                ":" if is_secret(before, string) => self.mask(),
                "," if is_option_of(before, string) => self.mask(),
                _ => self.entry(string, Among::Anything, 0),
            };
            out.extend([&plain, "\"", &masked]);
            (before, rest) = (string, after);
            if let Some(closed) = after.strip_prefix('"') {
                out.push('"');
                rest = closed;
            }
        }
        out.push_str(&self.scan(rest));
        out
    }

    /// What may be shown of a value of this name, of which no more than the beginning is shown.
    pub fn named(&mut self, name: &str, value: &str) -> String {
        if self.masking == Masking::Nothing {
            return value.to_owned();
        }
        if self.hides(name, value, false) {
            return self.mask();
        }
        // JSON is read as text: what is drawn again and again is not parsed each time.
        let start: String = value.chars().take(SHOWN).collect();
        self.text(&start)
    }

    fn mask(&mut self) -> String {
        self.masked += 1;
        MASKED.to_owned()
    }

    fn value(&mut self, value: &mut Value, among: Among, nested: usize) {
        match value {
            Value::String(text) => *text = self.entry(text, among, nested),
            Value::Array(list) => self.list(list, among, nested),
            Value::Object(map) => self.object(map, among, nested),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn list(&mut self, list: &mut [Value], among: Among, nested: usize) {
        let mut before = String::new();
        for value in list {
            let text = value.as_str().unwrap_or_default().to_owned();
            if among == Among::Arguments && is_option_of(&before, &text) {
                *value = self.mask().into();
            } else {
                self.value(value, among, nested);
            }
            before = text;
        }
    }

    fn object(&mut self, map: &mut serde_json::Map<String, Value>, among: Among, nested: usize) {
        // The form of Kubernetes: {"name": "DB_PASSWORD", "value": "..."}.
        let named = map.get("name").and_then(Value::as_str).map(str::to_owned);
        for (key, value) in map.iter_mut() {
            // Names of the kernel's, which are no secrets: `kernel.keys.maxkeys`.
            if key == "sysctl" {
                continue;
            }
            let name = match &named {
                Some(name) if key == "value" => name,
                _ => key,
            };
            let of_environment = among == Among::Environment && key != "name";
            match value {
                Value::String(text) if self.hides(name, text, of_environment) => {
                    *value = self.mask().into();
                }
                Value::Null
                | Value::Bool(_)
                | Value::Number(_)
                | Value::String(_)
                | Value::Array(_)
                | Value::Object(_) => self.value(value, Among::of(key), nested),
            }
        }
    }

    fn hides(&self, name: &str, value: &str, of_environment: bool) -> bool {
        let all = of_environment && self.masking == Masking::Environment;
        !value.is_empty() && (all || is_secret(name, value))
    }

    /// A string: `NAME=value`, an argument, or any text.
    fn entry(&mut self, text: &str, among: Among, nested: usize) -> String {
        let is_name = |name: &str| {
            !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || "'\"/:".contains(c))
        };
        match text.split_once('=') {
            Some((name, value)) if is_name(name) => {
                // Of a file that is cut nobody knows which strings are its environment.
                let of_environment = among == Among::Environment || nested == 0;
                if self.hides(name, value, of_environment) {
                    return format!("{name}={}", self.mask());
                }
                format!("{name}={}", self.free(value, nested))
            }
            _ => self.free(text, nested),
        }
    }

    fn free(&mut self, text: &str, nested: usize) -> String {
        if text.contains("PRIVATE KEY-----") {
            return self.mask();
        }
        if nested > 0
            && text.starts_with(['{', '['])
            && let Ok(mut value) = serde_json::from_str::<Value>(text)
        {
            let before = self.masked;
            self.value(&mut value, Among::Anything, nested - 1);
            if self.masked > before {
                return value.to_string();
            }
        }
        self.scan(text)
    }

    /// What is told by name or form inside of a text, in one pass.
    fn scan(&mut self, text: &str) -> String {
        let mut out = String::new();
        let (mut copied, mut from) = (0, 0);
        while let Some(step) = text.get(from..).and_then(|rest| rest.find(['=', ':'])) {
            let mark = from + step;
            from = mark + 1;
            if let Some(range) = value_at(text, copied, mark) {
                out.push_str(text.get(copied..range.start).unwrap_or_default());
                out.push_str(&self.mask());
                (copied, from) = (range.end, range.end.max(from));
            }
        }
        out.push_str(text.get(copied..).unwrap_or_default());
        out
    }
}

/// The inside of a string of JSON, and what is behind it, from its closing quote on.
fn string_of(text: &str) -> (&str, &str) {
    let mut escaped = false;
    let end = text.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    });
    text.split_at(end.unwrap_or(text.len()))
}

/// Whether the option before takes this as its value, and it is a secret.
fn is_option_of(option: &str, value: &str) -> bool {
    option.starts_with('-')
        && !option.contains('=')
        && !value.starts_with('-')
        && is_secret(option, value)
}

/// Where a secret is that a `=` or a `:` at `mark` tells; what is before `from` is dealt with.
fn value_at(text: &str, from: usize, mark: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let start = mark + 1;
    let is_colon = bytes.get(mark) == Some(&b':');
    if is_colon && text.get(start..)?.starts_with("//") {
        return login_at(text, start + 2);
    }
    let mut end = mark;
    if is_colon {
        // `"name": "value"`, also where that is a string itself.
        let quotes = bytes.get(from..mark)?.iter().rev().take(3);
        end -= quotes.take_while(|byte| b"\"'\\".contains(byte)).count();
    }
    let is_name = |byte: &&u8| byte.is_ascii_alphanumeric() || b"_.-".contains(byte);
    let before = bytes.get(from..end)?.iter().rev().take(NAME_MAX);
    let length = before.take_while(is_name).count();
    let name = text.get(end - length..end)?;
    let value = text.get(start..)?;
    // `image:tag` and `host:port` are none: a header has a blank there.
    let open = [' ', '"', '\'', '\\'];
    if is_colon && !value.starts_with(open) {
        return None;
    }
    let shown = if is_colon {
        value.trim_start_matches(open)
    } else {
        value
    };
    // Before it is measured: of many names that are no secrets each would be, up to the end of all.
    if !is_secret(name, shown) {
        return None;
    }
    let length = if is_colon {
        shown.find(['"', '\'', '\\', '\n']).unwrap_or(shown.len())
    } else {
        word_length(shown)
    };
    let from = text.len() - shown.len();
    (length > 0).then_some(from..from + length)
}

/// How long a word is, as shells take words: what is in quotes does not end it.
fn word_length(text: &str) -> usize {
    let mut quote = None;
    let end = text.bytes().position(|byte| match quote {
        Some(open) => {
            quote = Some(open).filter(|open| *open != byte);
            false
        }
        None if matches!(byte, b'"' | b'\'') => {
            quote = Some(byte);
            false
        }
        None => byte.is_ascii_whitespace() || matches!(byte, b';' | b'&' | b'|'),
    });
    end.unwrap_or(text.len())
}

/// The password of a URL whose authority begins here; or who logs in, if that is all there is.
fn login_at(text: &str, start: usize) -> Option<Range<usize>> {
    let rest = text.get(start..)?;
    let ends = |byte: &u8| byte.is_ascii_whitespace() || b"\"'<>\\".contains(byte);
    let token = rest.bytes().take(AUTHORITY_MAX);
    let length = token.take_while(|byte| !ends(byte)).count();
    let login = rest.as_bytes().get(..length)?;
    let end = login.iter().rposition(|byte| *byte == b'@')?;
    let scheme = text.get(..start)?;
    let from = match login.get(..end)?.iter().position(|byte| *byte == b':') {
        Some(colon) => colon + 1,
        // `ssh://git@host`: a name that everybody knows.
        None if scheme.ends_with("ssh://") || scheme.ends_with("git://") => return None,
        None => 0,
    };
    (from < end).then_some(start + from..start + end)
}

#[cfg(test)]
mod tests;
