//! Vectors as lanes of Rust numbers, and the numbers to test.

/// A number that fits a lane.
pub(crate) trait Lane: Copy {
    /// Width in bits.
    const BITS: u32;
    fn from_bits(bits: u128) -> Self;
    fn to_bits(self) -> u128;
    /// The numbers to test: all of them if there are few.
    fn telling() -> Vec<Self>;
    /// Whether this result is acceptable for `expected`.
    fn same_as(self, expected: Self) -> bool;
}

/// The lanes of a vector, lane 0 first.
pub(crate) fn lanes<T: Lane>(vector: u128) -> Vec<T> {
    let mask = u128::MAX >> (128 - T::BITS);
    (0..128 / T::BITS)
        .map(|lane| T::from_bits(vector >> (lane * T::BITS) & mask))
        .collect()
}

/// The vector with these lanes, lane 0 first. Missing lanes are zero.
pub(crate) fn vector<T: Lane>(lanes: &[T]) -> u128 {
    assert!(lanes.len() as u32 * T::BITS <= 128);
    (0..)
        .zip(lanes)
        .map(|(i, lane): (u32, _)| lane.to_bits() << (i * T::BITS))
        .sum()
}

/// Vectors that contain every number to test, each in more than one lane.
pub(crate) fn singles<T: Lane>() -> Vec<u128> {
    let telling = T::telling();
    let width = (128 / T::BITS) as usize;
    let rotated: Vec<T> = (0..telling.len() + width)
        .map(|i| telling[i % telling.len()])
        .collect();
    (0..telling.len())
        .map(|start| vector(&rotated[start..start + width]))
        .collect()
}

/// Pairs of vectors that pair every number to test with every other.
pub(crate) fn pairs<T: Lane>() -> Vec<(u128, u128)> {
    let telling = T::telling();
    let all: Vec<(T, T)> = telling
        .iter()
        .flat_map(|a| telling.iter().map(|b| (*a, *b)))
        .collect();
    all.chunks((128 / T::BITS) as usize)
        .map(|chunk| {
            let (a, b): (Vec<T>, Vec<T>) = chunk.iter().copied().unzip();
            (vector(&a), vector(&b))
        })
        .collect()
}

/// Pseudorandom numbers, the same in every run (SplitMix64).
fn scattered(count: usize) -> impl Iterator<Item = u64> {
    let mut state = 0_u64;
    std::iter::repeat_with(move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    })
    .take(count)
}

macro_rules! integer_lane {
    ($($ty:ty, $unsigned:ty;)*) => { $(
        impl Lane for $ty {
            const BITS: u32 = <$ty>::BITS;

            fn from_bits(bits: u128) -> $ty {
                bits as $ty
            }

            fn to_bits(self) -> u128 {
                u128::from(self as $unsigned)
            }

            fn telling() -> Vec<$ty> {
                if <$ty>::BITS == 8 {
                    return (0..=u8::MAX).map(|byte| byte as $ty).collect();
                }
                // Numbers around each power of two, and around the limits of narrower lanes.
                let edges = (0..<$ty>::BITS).flat_map(|bit| {
                    let power = (1 as $ty) << bit;
                    [power.wrapping_sub(1), power, power.wrapping_neg()]
                });
                edges.chain(scattered(48).map(|bits| bits as $ty)).collect()
            }

            fn same_as(self, expected: $ty) -> bool {
                self == expected
            }
        }
    )* };
}

integer_lane! {
    i8, u8; u8, u8;
    i16, u16; u16, u16;
    i32, u32; u32, u32;
    i64, u64; u64, u64;
}

macro_rules! float_lane {
    ($($ty:ty, $bits:ty, $quiet:expr;)*) => { $(
        impl Lane for $ty {
            const BITS: u32 = <$bits>::BITS;

            fn from_bits(bits: u128) -> $ty {
                <$ty>::from_bits(bits as $bits)
            }

            fn to_bits(self) -> u128 {
                u128::from(<$ty>::to_bits(self))
            }

            fn telling() -> Vec<$ty> {
                let positive = [
                    0.0, <$ty>::from_bits(1), <$ty>::MIN_POSITIVE, 0.1, 0.49999997, 0.5, 0.75, 1.0,
                    1.0 + <$ty>::EPSILON, 1.5, 2.5, 3.5, 127.5, 8_388_607.5, 16_777_217.0,
                    2_147_483_647.0, 2_147_483_648.0, 2_147_483_904.0, 4_294_967_295.0,
                    4_294_967_296.0, 9.2e18, 1.8446744e19, 3.4028235e38, <$ty>::MAX / 3.0,
                    <$ty>::MAX, <$ty>::INFINITY, <$ty>::NAN,
                    // A signalling NaN.
                    <$ty>::from_bits(<$ty>::INFINITY.to_bits() | 1),
                ];
                let scattered: Vec<$ty> = scattered(40)
                    .enumerate()
                    .map(|(i, bits)| match i % 2 {
                        0 => <$ty>::from_bits(bits as $bits),
                        _ => bits as i32 as $ty * 0.001,
                    })
                    .collect();
                positive.into_iter().flat_map(|number| [number, -number]).chain(scattered).collect()
            }

            /// Any quiet NaN is acceptable where a NaN is expected.
            fn same_as(self, expected: $ty) -> bool {
                let quiet_nan = self.is_nan() && <$ty>::to_bits(self) & $quiet != 0;
                if expected.is_nan() {
                    quiet_nan
                } else {
                    <$ty>::to_bits(self) == <$ty>::to_bits(expected)
                }
            }
        }
    )* };
}

float_lane! {
    f32, u32, 1 << 22;
    f64, u64, 1 << 51;
}
