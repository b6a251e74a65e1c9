//! Loads and stores: which bytes they access, and that each byte is bounds-checked.

use keel::{Error, TrapKind};

use crate::operator::{Function, access, encode};

/// The memory's length: one page, in bytes.
const LENGTH: u32 = 1 << 16;
const VECTOR: u128 = 0xfedc_ba98_7654_3210_0f1e_2d3c_4b5a_6978;

/// The kind of memory access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    Load,
    LoadLane,
    Store,
    StoreLane,
}

/// Each operator, the number of bytes it accesses, and the kind of access.
const OPERATORS: [(u32, u32, Access); 22] = [
    (0x00, 16, Access::Load),
    (0x01, 8, Access::Load),
    (0x02, 8, Access::Load),
    (0x03, 8, Access::Load),
    (0x04, 8, Access::Load),
    (0x05, 8, Access::Load),
    (0x06, 8, Access::Load),
    (0x07, 1, Access::Load),
    (0x08, 2, Access::Load),
    (0x09, 4, Access::Load),
    (0x0a, 8, Access::Load),
    (0x5c, 4, Access::Load),
    (0x5d, 8, Access::Load),
    (0x54, 1, Access::LoadLane),
    (0x55, 2, Access::LoadLane),
    (0x56, 4, Access::LoadLane),
    (0x57, 8, Access::LoadLane),
    (0x0b, 16, Access::Store),
    (0x58, 1, Access::StoreLane),
    (0x59, 2, Access::StoreLane),
    (0x5a, 4, Access::StoreLane),
    (0x5b, 8, Access::StoreLane),
];

/// A function that takes an address and a vector, and returns the resulting vector.
fn function(
    opcode: u32,
    access_kind: Access,
    offset: u32,
    lane: u8,
) -> Function<(i32, u128), u128> {
    // The alignment is only a hint, so one byte is always valid.
    let mut code = [encode(opcode), vec![0]].concat();
    let offset_in_groups_of_seven = (0..5).map(|i| (offset >> (7 * i) & 0x7f) as u8);
    let last = code.len() + 4;
    code.extend(offset_in_groups_of_seven.map(|group| group | 0x80));
    code[last] &= 0x7f;
    if matches!(access_kind, Access::LoadLane | Access::StoreLane) {
        code.push(lane);
    }
    match access_kind {
        Access::Load => access(&[0], &code, &[]),
        Access::LoadLane => access(&[0, 1], &code, &[]),
        Access::Store | Access::StoreLane => access(&[0, 1], &code, &[1]),
    }
}

fn is_out_of_bounds(error: &Error) -> bool {
    error
        .as_trap()
        .is_some_and(|trap| trap.kind == TrapKind::MemoryOutOfBounds)
}

#[test]
fn the_last_byte_is_in_bounds_and_the_next_is_not() {
    for (opcode, bytes, kind) in OPERATORS {
        for offset in [0, 1, LENGTH - bytes] {
            let mut function = function(opcode, kind, offset, 0);
            let last = (LENGTH - bytes - offset) as i32;
            function
                .try_call((last, VECTOR))
                .expect("all bytes are in bounds");
            for out in [last + 1, last + bytes as i32, i32::MAX, -1, -16] {
                let error = function
                    .try_call((out, VECTOR))
                    .expect_err("a byte is out of bounds");
                assert!(
                    is_out_of_bounds(&error),
                    "0xfd {opcode:#x} at {out}: {error}"
                );
            }
        }
        for offset in [LENGTH, 1 << 25, 1 << 31, u32::MAX] {
            let mut function = function(opcode, kind, offset, 0);
            for address in [0, i32::MAX, -1] {
                let error = function
                    .try_call((address, VECTOR))
                    .expect_err("out of bounds");
                assert!(
                    is_out_of_bounds(&error),
                    "0xfd {opcode:#x} offset {offset}: {error}"
                );
            }
        }
    }
}

#[test]
fn a_store_that_traps_has_written_nothing() {
    for (opcode, bytes, kind) in OPERATORS {
        let mut function = function(opcode, kind, 0, 0);
        for first in LENGTH - bytes + 1..LENGTH {
            function
                .try_call((first as i32, u128::MAX))
                .expect_err("a byte is out of bounds");
            let end = &function.memory()[LENGTH as usize - 16..];
            assert_eq!(end, [0; 16], "0xfd {opcode:#x} at {first:#x}");
        }
    }
}

#[test]
fn a_lane_goes_to_its_own_bytes_and_no_others() {
    for (opcode, bytes, kind) in OPERATORS {
        let bits = bytes * 8;
        let mask = u128::MAX >> (128 - bits);
        for lane in 0..16 / bytes {
            let mut function = function(opcode, kind, 3, lane as u8);
            let shift = lane * bits;
            match kind {
                Access::Load => continue,
                Access::LoadLane => {
                    function.memory()[..20].copy_from_slice(&[0xa5; 20]);
                    let expected =
                        VECTOR & !(mask << shift) | (0xa5a5_a5a5_a5a5_a5a5 & mask) << shift;
                    assert_eq!(
                        function.call((5, VECTOR)),
                        expected,
                        "0xfd {opcode:#x} {lane}"
                    );
                }
                Access::Store | Access::StoreLane => {
                    function.call((5, VECTOR));
                    let stored = (VECTOR >> shift & mask).to_le_bytes();
                    let mut expected = [0; 32];
                    expected[8..][..bytes as usize].copy_from_slice(&stored[..bytes as usize]);
                    assert_eq!(function.memory()[..32], expected, "0xfd {opcode:#x} {lane}");
                }
            }
        }
    }
}

#[test]
fn a_load_extends_repeats_or_fills_with_zeros_as_named() {
    fn bytes<const N: usize, T>(vector: [T; N], to_bytes: impl Fn(T) -> Vec<u8>) -> u128 {
        let bytes: Vec<u8> = vector.into_iter().flat_map(to_bytes).collect();
        u128::from_le_bytes(bytes.try_into().expect("sixteen bytes"))
    }
    let b = [0x80_u8, 0x01, 0x7f, 0xff, 0xfe, 0x90, 0x12, 0xf3];
    let pairs: [[u8; 2]; 4] = std::array::from_fn(|i| [b[2 * i], b[2 * i + 1]]);
    let fours: [[u8; 4]; 2] = std::array::from_fn(|i| std::array::from_fn(|j| b[4 * i + j]));
    let expected = [
        (
            0x01,
            bytes(b, |b| i16::from(b as i8).to_le_bytes().to_vec()),
        ),
        (0x02, bytes(b, |b| u16::from(b).to_le_bytes().to_vec())),
        (
            0x03,
            bytes(pairs, |b| {
                i32::from(i16::from_le_bytes(b)).to_le_bytes().to_vec()
            }),
        ),
        (
            0x04,
            bytes(pairs, |b| {
                u32::from(u16::from_le_bytes(b)).to_le_bytes().to_vec()
            }),
        ),
        (
            0x05,
            bytes(fours, |b| {
                i64::from(i32::from_le_bytes(b)).to_le_bytes().to_vec()
            }),
        ),
        (
            0x06,
            bytes(fours, |b| {
                u64::from(u32::from_le_bytes(b)).to_le_bytes().to_vec()
            }),
        ),
        (0x07, bytes([b[0]; 16], |b| vec![b])),
        (0x08, bytes([pairs[0]; 8], |b| b.to_vec())),
        (0x09, bytes([fours[0]; 4], |b| b.to_vec())),
        (0x0a, bytes([b; 2], |b| b.to_vec())),
        (0x5c, u128::from(u32::from_le_bytes(fours[0]))),
        (0x5d, u128::from(u64::from_le_bytes(b))),
    ];
    for (opcode, expected) in expected {
        let mut function = function(opcode, Access::Load, 1, 0);
        function.memory()[..32].fill(0x55);
        function.memory()[7..15].copy_from_slice(&b);
        assert_eq!(function.call((6, 0)), expected, "0xfd {opcode:#x}");
    }
}
