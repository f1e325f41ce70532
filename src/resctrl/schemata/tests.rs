//! What is read of schemata, and what is refused.

use super::*;
use proptest::prelude::*;

#[test]
fn code_and_data_masks_are_one_mask_of_the_cache() {
    let text = "L3CODE:0=f00;16=f\nL3DATA:0=0f0;16=f0\nL2:0=ff;1=ff\n";
    let schemata: Schemata = text.parse().unwrap();
    assert_eq!(
        schemata.masks("L3"),
        [(0, Cbm(0xff0)), (16, Cbm(0xff))],
        "cache ids need not be contiguous"
    );
    assert_eq!(schemata.masks("L2").len(), 2);
}

#[test]
fn values_padded_as_on_amd_are_read_in_their_own_unit() {
    let schemata: Schemata = "  SMBA:0=2048;1=  16\n    MB:0=2048;1=2048\n"
        .parse()
        .unwrap();
    assert_eq!(schemata.setting("SMBA", 1), Some(&Setting::Number(16)));
}

#[test]
fn what_a_newer_kernel_writes_is_kept_as_words() {
    let schemata: Schemata = "XY:0=fast\nMB:0=max\n".parse().unwrap();
    assert_eq!(
        schemata.setting("MB", 0),
        Some(&Setting::Word("max".to_owned()))
    );
    assert_eq!(schemata.to_string(), "XY:0=fast\nMB:0=max\n");
}

#[test]
fn what_is_no_schemata_is_refused() {
    for wrong in [
        "L3",
        "L3:",
        ":0=f",
        "L3:x=f",
        "L3:0",
        "L3:0=f;",
        "L3:0=\u{1b}[1m",
        "L3:0=a b",
    ] {
        // A word stands for a whole line, so `L3:0` is one.
        let parsed = wrong.parse::<Schemata>();
        assert_eq!(parsed.is_ok(), wrong == "L3:0", "{wrong:?}: {parsed:?}");
    }
    for wrong in ["", "0x3f", "+f", "-1", "fffffffffffffffff"] {
        assert!(wrong.parse::<Cbm>().is_err(), "{wrong:?}");
    }
}

#[test]
fn a_way_has_the_size_of_the_mask_divided_by_its_ways() {
    let schemata: Schemata = "L3:0=ff0;1=0".parse().unwrap();
    let sizes: Sizes = "L3:0=8388608;1=0".parse().unwrap();
    assert_eq!(sizes.way(&schemata, "L3", 0), Some(1 << 20));
    assert_eq!(sizes.way(&schemata, "L3", 1), None);
    assert_eq!(sizes.way(&schemata, "L2", 0), None);
}

fn line() -> impl Strategy<Value = (String, Settings)> {
    let masks = prop::collection::vec((any::<u32>(), any::<u64>()), 1..5);
    let masks = masks.prop_map(|masks| {
        let mask = |(id, bits)| (id, Setting::Mask(Cbm(bits)));
        Settings::Domains(masks.into_iter().map(mask).collect())
    });
    let numbers = prop::collection::vec((any::<u32>(), any::<u64>()), 1..5);
    let numbers = numbers.prop_map(|numbers| {
        let number = |(id, value)| (id, Setting::Number(value));
        Settings::Domains(numbers.into_iter().map(number).collect())
    });
    let caches = prop::sample::select(vec!["L2", "L2CODE", "L3", "L3CODE", "L3DATA"]);
    let rates = prop::sample::select(vec!["MB", "SMBA"]);
    prop_oneof![
        (caches.clone(), masks),
        (rates, numbers),
        (caches, Just(Settings::Word("uninitialized".to_owned()))),
    ]
    .prop_map(|(name, settings)| (name.to_owned(), settings))
}

proptest! {
    #[test]
    fn what_is_written_reads_the_same(lines in prop::collection::vec(line(), 0..5)) {
        let schemata = Schemata { lines };
        prop_assert_eq!(schemata.to_string().parse::<Schemata>(), Ok(schemata));
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,40}", lines in "(L3|MB):[0-9a-f=;: \n]{0,30}") {
        for text in [text, lines] {
            if let Ok(schemata) = text.parse::<Schemata>() {
                prop_assert_eq!(schemata.to_string().parse::<Schemata>(), Ok(schemata));
            }
            let _sizes = text.parse::<Sizes>();
        }
    }
}
