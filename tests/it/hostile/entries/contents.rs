//! What stands in the state files.

use super::{CRUN, RUNC, YOUKI, crun, row, runc, youki};
use crate::hostile::Deleted::Gone;
use crate::hostile::Listed::{Broken, Noted, Status};
use crate::hostile::{Place, Row};

const PID: &str = "\"pid\":0";
const START: &str = "\"process-start-time\":7";
const GIB: u64 = 1 << 30;

/// A good `status` with one piece of it replaced.
fn status(place: &Place, old: &str, new: &str) {
    assert!(CRUN.contains(old));
    crun(place);
    place.write("status", CRUN.replace(old, new));
}

fn sparse(place: &Place, file: &str) {
    let file = std::fs::File::create(place.make_dir().join(file)).unwrap();
    file.set_len(GIB).unwrap();
}

fn annotated(place: &Place, annotations: &str) {
    crun(place);
    place.write(
        "config.json",
        format!("{{\"annotations\":{{{annotations}}}}}"),
    );
}

pub(in crate::hostile) const CONTENTS: &[Row] = &[
    row!(
        "status: 1 GiB of nothing",
        b"x",
        |p| sparse(p, "status"),
        Broken("over the cap"),
        Gone
    ),
    row!(
        "state.json: 1 GiB of nothing",
        b"x",
        |p| sparse(p, "state.json"),
        Broken("over the cap"),
        Gone
    ),
    row!(
        "config.json: 1 GiB of nothing",
        b"x",
        |p| {
            p.write("status", CRUN);
            sparse(p, "config.json");
        },
        Noted("stopped", "over the cap"),
        Gone
    ),
    row!(
        "youki_config.json: 1 GiB of nothing",
        b"x",
        |p| {
            p.write("state.json", YOUKI);
            sparse(p, "youki_config.json");
        },
        Noted("stopped", "over the cap"),
        Gone
    ),
    row!(
        "100,000 arrays deep",
        b"x",
        |p| p.write("state.json", "[".repeat(100_000)),
        Broken("parse state.json"),
        Gone
    ),
    row!(
        "100,000 arrays deep where a pid belongs",
        b"x",
        |p| {
            let deep = format!("\"pid\":{}{}", "[".repeat(100_000), "]".repeat(100_000));
            status(p, PID, &deep);
        },
        Broken("parse status"),
        Gone
    ),
    row!(
        "100,000 arrays deep in an unknown key",
        b"x",
        |p| {
            youki(p);
            let deep = format!("{{\"new\":{}{},", "[".repeat(100_000), "]".repeat(100_000));
            p.write(
                "state.json",
                YOUKI.replacen('{', &deep, 1).replace("stopped", "running"),
            );
        },
        Status("stopped"),
        Gone
    ),
    row!(
        "the same key twice",
        b"x",
        |p| status(p, PID, "\"pid\":0,\"pid\":7"),
        Broken("duplicate field"),
        Gone
    ),
    row!(
        "zero bytes",
        b"x",
        |p| p.write("status", [0; 8192]),
        Broken("parse status"),
        Gone
    ),
    row!(
        "a NUL in a path",
        b"x",
        |p| status(p, "/bundle", "/b\\u0000c"),
        Status("stopped"),
        Gone
    ),
    row!(
        "not UTF-8",
        b"x",
        |p| p.write("status", b"{\"pid\":0,\"owner\":\"\xff\xfe\"}"),
        Broken("parse status"),
        Gone
    ),
    row!(
        "nothing",
        b"x",
        |p| p.write("status", ""),
        Broken("status is empty"),
        Gone
    ),
    row!(
        "half of it",
        b"x",
        |p| p.write("state.json", &RUNC.as_bytes()[..60]),
        Broken("parse state.json"),
        Gone
    ),
    row!(
        "an array",
        b"x",
        |p| p.write("status", "[1]"),
        Broken("parse status"),
        Gone
    ),
    row!(
        "null",
        b"x",
        |p| p.write("state.json", "null"),
        Broken("parse state.json"),
        Gone
    ),
    row!(
        "pid: an object",
        b"x",
        |p| status(p, PID, "\"pid\":{}"),
        Broken("parse status"),
        Gone
    ),
    row!(
        "pid: text",
        b"x",
        |p| status(p, PID, "\"pid\":\"7\""),
        Broken("parse status"),
        Gone
    ),
    row!(
        "pid: a fraction",
        b"x",
        |p| status(p, PID, "\"pid\":7.5"),
        Broken("parse status"),
        Gone
    ),
    row!(
        "pid: 1e99",
        b"x",
        |p| status(p, PID, "\"pid\":1e99"),
        Broken("parse status"),
        Gone
    ),
    row!("pid: 0", b"x", crun, Status("stopped"), Gone),
    row!(
        "pid: -1",
        b"x",
        |p| status(p, PID, "\"pid\":-1"),
        Status("stopped"),
        Gone
    ),
    row!(
        "pid: -2",
        b"x",
        |p| status(p, PID, "\"pid\":-2"),
        Broken("pid -2"),
        Gone
    ),
    row!(
        "pid: 1",
        b"x",
        |p| status(p, PID, "\"pid\":1"),
        Broken("pid 1"),
        Gone
    ),
    row!(
        "pid: 2^31",
        b"x",
        |p| status(p, PID, "\"pid\":2147483648"),
        Broken("no process can have"),
        Gone
    ),
    row!(
        "pid: 2^32 + 7",
        b"x",
        |p| status(p, PID, "\"pid\":4294967303"),
        Broken("no process can have"),
        Gone
    ),
    row!(
        "start time: 2^64 - 1",
        b"x",
        |p| status(p, START, "\"process-start-time\":18446744073709551615"),
        Status("stopped"),
        Gone
    ),
    row!(
        "start time: 1e30",
        b"x",
        |p| status(p, START, "\"process-start-time\":1e30"),
        Broken("parse status"),
        Gone
    ),
    row!(
        "id: ../canary",
        b"x",
        |p| {
            youki(p);
            p.write("state.json", YOUKI.replace("\"x\"", "\"../canary\""));
        },
        Broken("names \"../canary\""),
        Gone
    ),
    row!(
        "id: the bystander's",
        b"x",
        |p| p.write("state.json", RUNC.replace("\"x\"", "\"bystander\"")),
        Broken("names"),
        Gone
    ),
    row!(
        "bundle: ../../..",
        b"x",
        |p| status(p, "/bundle", "../../.."),
        Status("stopped"),
        Gone
    ),
    row!(
        "rootfs: escapes",
        b"x",
        |p| status(p, "\"rootfs\":\"rootfs\"", "\"rootfs\":\"\\u001b[2J\""),
        Status("stopped"),
        Gone
    ),
    row!(
        "bundle: escapes",
        b"x",
        |p| status(p, "/bundle", "/\\u001b]0;t\\u0007\\u202e"),
        Status("stopped"),
        Gone
    ),
    row!(
        "created: no time",
        b"x",
        |p| status(p, "2023-11-14T23:00:00Z", "+999999-99-99"),
        Status("stopped"),
        Gone
    ),
    row!(
        "created: escapes",
        b"x",
        |p| status(p, "2023-11-14T23:00:00Z", "\\u001b[2J\\n"),
        Status("stopped"),
        Gone
    ),
    row!(
        "owner: escapes",
        b"x",
        |p| status(p, "\"root\"", "\"\\u001b[2J\\n\""),
        Status("stopped"),
        Gone
    ),
    row!(
        "100,000 annotations",
        b"x",
        |p| {
            let pairs: Vec<_> = (0..100_000).map(|n| format!("\"k{n}\":\"v\"")).collect();
            annotated(p, &pairs.join(","));
        },
        Status("stopped"),
        Gone
    ),
    row!(
        "an annotation of 1 MiB",
        b"x",
        |p| annotated(p, &format!("\"k\":\"{}\"", "v".repeat(1 << 20))),
        Status("stopped"),
        Gone
    ),
    row!(
        "annotations that a terminal obeys",
        b"x",
        |p| annotated(p, "\"\\u001b[2J\":\"\\u009b\\n\""),
        Status("stopped"),
        Gone
    ),
    row!(
        "runc: labels without a value",
        b"x",
        |p| {
            runc(p);
            p.write("state.json", RUNC.replace("bundle=/bundle", "bundle"));
        },
        Status("stopped"),
        Gone
    ),
];
