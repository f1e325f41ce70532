use serde_json::json;

use super::*;

fn masked(masking: Masking, mut value: Value) -> (Value, usize) {
    let mut masker = Masker::new(masking);
    masker.json(&mut value);
    (value, masker.masked())
}

#[test]
fn values_of_the_environment_are_masked_by_their_names() {
    let spec = json!({"process": {"env": [
        "PATH=/bin", "DB_PASSWORD=hunter2 and more", "API_KEY=", "TOKEN_FILE=/run/token",
        "DATABASE_URL=postgres://app:s3cret@db:5432/x", "PWD=/srv", "OPTS=-Dpassword=x -Dy=z",
    ]}});
    let wanted = json!({"process": {"env": [
        "PATH=/bin", "DB_PASSWORD=(masked)", "API_KEY=", "TOKEN_FILE=/run/token",
        "DATABASE_URL=postgres://app:(masked)@db:5432/x", "PWD=/srv", "OPTS=-Dpassword=(masked) -Dy=z",
    ]}});
    assert_eq!(masked(Masking::Likely, spec.clone()), (wanted, 3));
    assert_eq!(masked(Masking::Nothing, spec.clone()), (spec.clone(), 0));
    let (all, count) = masked(Masking::Environment, spec);
    let list = all["process"]["env"].as_array().unwrap();
    assert_eq!(list[0], "PATH=(masked)");
    assert_eq!((list[2].as_str(), count), (Some("API_KEY="), 6));
}

#[test]
fn arguments_hooks_annotations_and_labels_are_masked_as_well() {
    let spec = json!({
        "args": ["mysqld", "--password=a b", "--token", "abc", "--token", "-v", "sh", "-c",
            "export SECRET='x y'; run -H \"Authorization: Bearer zzz\" img:tag"],
        "hooks": {"poststop": [{"path": "/bin/h", "args": ["h", "--api-key=1"], "env": ["KEY=2"]}]},
        "annotations": {"app/db-password": "3", "spec": "{\"env\":[{\"name\":\"DB_PASSWORD\",\"value\":\"4\"}]}"},
        "labels": ["my.token=5", "bundle=/b"],
        "linux": {"sysctl": {"kernel.keys.maxkeys": "200"}, "noNewKeyring": false},
    });
    let (out, count) = masked(Masking::Likely, spec);
    let text = out.to_string();
    for secret in [
        "a b",
        "abc",
        "x y",
        "zzz",
        "\"--api-key=1",
        "KEY=2",
        "\"3\"",
        "4",
        "token=5",
    ] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    for kept in ["\"-v\"", "img:tag", "bundle=/b", "\"200\"", "/bin/h"] {
        assert!(text.contains(kept), "{kept} not in {text}");
    }
    assert_eq!(count, 9);
}

#[test]
fn a_file_that_is_cut_hides_its_secrets_too() {
    let cut = r#"{"env":["A=b","DB_PASSWORD=hunter \"2\" x","#.to_owned()
        + r#""--token", "abc", "apiKey" : "def", "x":"{\"token\":\"y\"}", "SECRET=unfinished"#;
    let mut masker = Masker::new(Masking::Likely);
    let text = masker.text(&cut);
    let wanted = r#"{"env":["A=b","DB_PASSWORD=(masked)","--token", "(masked)", "apiKey" : "(masked)", "x":"{\"token\":\"(masked)\"}", "SECRET=(masked)"#;
    assert_eq!((text.as_str(), masker.masked()), (wanted, 5));
    let mut masker = Masker::new(Masking::Environment);
    assert!(masker.text(&cut).starts_with(r#"{"env":["A=(masked)","#));
    assert_eq!(Masker::new(Masking::Nothing).text(&cut), cut);
    assert_eq!(
        Masker::new(Masking::Likely).text("PASSWORD=x y"),
        "PASSWORD=(masked) y"
    );
}

#[test]
fn a_value_alone_is_masked_by_its_name_and_by_what_is_in_it() {
    let shown = |name, value| Masker::new(Masking::Likely).named(name, value);
    assert_eq!(shown("app/db-password", "x"), MASKED);
    assert_eq!(shown("app/image", "web:1"), "web:1");
    let applied = r#"{"env":[{"name":"A","value":"b"}],"token":"x"}"#;
    let masked = r#"{"env":[{"name":"A","value":"b"}],"token":"(masked)"}"#;
    assert_eq!(shown("last-applied", applied), masked);
}

#[test]
fn a_private_key_is_masked_whatever_its_name() {
    let value = json!({"x": ["-----BEGIN RSA PRIVATE KEY-----\nMII"]});
    assert_eq!(masked(Masking::Likely, value).0, json!({"x": ["(masked)"]}));
}

proptest::proptest! {
    #[test]
    fn any_text_is_masked_without_a_panic(text in "[a=:/@'\"\\\\ -é\n]{0,60}|\\PC{0,60}") {
        for masking in [Masking::Likely, Masking::Environment, Masking::Nothing] {
            let mut masker = Masker::new(masking);
            let masked = masker.text(&text);
            proptest::prop_assert!(masker.masked() > 0 || masked == text);
            masker.json(&mut json!({"env": [text.as_str()], "args": [text.as_str()]}));
        }
    }
}

#[test]
fn a_long_word_of_many_names_takes_no_longer_than_it_takes_to_read() {
    use rustix::time::{ClockId, clock_gettime};
    let spent = || clock_gettime(ClockId::ThreadCPUTime).tv_sec;
    let start = spent();
    for piece in [
        "name=x",
        "TOKEN_FILE=/x",
        "name: x",
        "TOKEN_FILE: /x",
        "://",
    ] {
        let text = piece.repeat((128 << 10) / piece.len());
        assert_eq!(Masker::new(Masking::Likely).text(&text), text);
    }
    // Minutes, where each name looks to the end for its value.
    assert!(spent() - start < 20);
}
