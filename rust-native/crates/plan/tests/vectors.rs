//! The bytes that TypeScript writes are read here as what they were meant to be, and written again as they were.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on is a test that failed")]

use box_plan::{decode, encode};

#[expect(clippy::unwrap_used, reason = "the vector is a part of the test")]
fn vector() -> Vec<u8> {
    let hex: String = include_str!("../vectors/everything.hex").split_whitespace().collect();
    hex.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

#[test]
fn a_plan_with_every_step_means_what_was_written() {
    let bytes = vector();
    let plan = decode(&bytes).unwrap();
    assert_eq!(format!("{plan:#?}\n"), include_str!("../vectors/everything.txt"));
    assert_eq!(encode(&plan), bytes);
}

#[test]
fn a_plan_that_is_cut_or_continued_is_refused() {
    let bytes = vector();
    for end in 0..bytes.len() {
        assert!(decode(&bytes[..end]).is_err(), "cut at {end}");
    }
    assert!(decode(&[bytes.as_slice(), &[0]].concat()).is_err());
}

#[test]
fn a_plan_with_any_byte_changed_is_read_or_refused_and_nothing_else() {
    let bytes = vector();
    for place in 0..bytes.len() {
        for value in [0, 1, 0x7f, 0x80, 0xff] {
            let mut changed = bytes.clone();
            changed[place] = value;
            if let Ok(plan) = decode(&changed) {
                assert_eq!(encode(&plan), changed, "changed at {place}");
            }
        }
    }
}
