//! The network: two layers of 3 x 3 convolutions, the larger of every four, and ten weighted sums.
//!
//! ```text
//! 8 x 8 x 1 -> 8 x 8 x 16 -> 8 x 8 x 32 -> 4 x 4 x 32 -> 10
//! ```
//!
//! Channels lie side by side, of pictures as of weights: the innermost loop is one factor times a
//! row of weights, which is added to a row of sums. Rows are multiples of four, the lanes of a
//! 128-bit register.

/// The side of a picture, pixels.
const SIDE: usize = 8;
pub const PIXELS: usize = SIDE * SIDE;
pub const CLASSES: usize = 10;
/// Channels after the first layer, and after the second.
const FIRST: usize = 16;
const SECOND: usize = 32;
/// Classes, and what fills the row.
const ROW: usize = 12;
const POOLED: usize = PIXELS / 4 * SECOND;
/// Weights in all: as the file holds them, little-endian `f32`, in the order of [`Model`]'s fields.
const WEIGHTS: usize = 9 * FIRST + FIRST + 9 * FIRST * SECOND + SECOND + POOLED * ROW + ROW;

/// The trained weights.
pub struct Model {
    /// By row, column, channel in, channel out; so the next one.
    first: Vec<f32>,
    first_bias: Vec<f32>,
    second: Vec<f32>,
    second_bias: Vec<f32>,
    /// By place, channel, class.
    last: Vec<f32>,
    last_bias: Vec<f32>,
}

impl Model {
    /// Reads a file of weights.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != WEIGHTS * 4 {
            return None;
        }
        let mut numbers = bytes
            .as_chunks::<4>()
            .0
            .iter()
            .map(|bytes| f32::from_le_bytes(*bytes));
        let mut take = |count: usize| numbers.by_ref().take(count).collect::<Vec<f32>>();
        Some(Model {
            first: take(9 * FIRST),
            first_bias: take(FIRST),
            second: take(9 * FIRST * SECOND),
            second_bias: take(SECOND),
            last: take(POOLED * ROW),
            last_bias: take(ROW),
        })
    }

    /// How much a picture looks like each digit. A pixel is from 0 to 16.
    pub fn scores(&self, pixels: &[u8]) -> [f32; CLASSES] {
        let mut picture = [0.0; PIXELS];
        for (value, &pixel) in picture.iter_mut().zip(pixels) {
            *value = f32::from(pixel) / 16.0;
        }
        let mut once = [0.0; PIXELS * FIRST];
        convolve::<1, FIRST>(&picture, &self.first, &self.first_bias, &mut once);
        let mut twice = [0.0; PIXELS * SECOND];
        convolve::<FIRST, SECOND>(&once, &self.second, &self.second_bias, &mut twice);
        let mut pooled = [0.0; POOLED];
        pool(&twice, &mut pooled);
        let mut scores = [0.0; ROW];
        weigh(&pooled, &self.last, &self.last_bias, &mut scores);
        let mut classes = [0.0; CLASSES];
        classes.copy_from_slice(&scores[..CLASSES]);
        classes
    }
}

/// A layer of convolutions, zeros around the picture, negative results cut off.
#[cfg_attr(
    all(feature = "simd", target_arch = "wasm32"),
    target_feature(enable = "simd128")
)]
fn convolve<const IN: usize, const OUT: usize>(
    from: &[f32],
    weights: &[f32],
    bias: &[f32],
    to: &mut [f32],
) {
    for y in 0..SIDE {
        for x in 0..SIDE {
            let mut sums = [0.0_f32; OUT];
            sums.copy_from_slice(bias);
            // Rows and columns of the kernel that lie inside the picture.
            for row in usize::from(y == 0)..3 - usize::from(y == SIDE - 1) {
                for column in usize::from(x == 0)..3 - usize::from(x == SIDE - 1) {
                    let pixel = ((y + row - 1) * SIDE + x + column - 1) * IN;
                    let kernel = (row * 3 + column) * IN * OUT;
                    let factors = &from[pixel..pixel + IN];
                    let rows = weights[kernel..kernel + IN * OUT].as_chunks::<OUT>().0;
                    for (&factor, row) in factors.iter().zip(rows) {
                        for (sum, weight) in sums.iter_mut().zip(row) {
                            *sum += factor * weight;
                        }
                    }
                }
            }
            let to = &mut to[(y * SIDE + x) * OUT..][..OUT];
            for (to, sum) in to.iter_mut().zip(sums) {
                *to = if sum > 0.0 { sum } else { 0.0 };
            }
        }
    }
}

/// The largest of every two by two.
#[cfg_attr(
    all(feature = "simd", target_arch = "wasm32"),
    target_feature(enable = "simd128")
)]
fn pool(from: &[f32], to: &mut [f32]) {
    for (place, to) in to.as_chunks_mut::<SECOND>().0.iter_mut().enumerate() {
        let (y, x) = (place / (SIDE / 2) * 2, place % (SIDE / 2) * 2);
        for (dy, dx) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            let from = &from[((y + dy) * SIDE + x + dx) * SECOND..][..SECOND];
            for (to, &from) in to.iter_mut().zip(from) {
                *to = if from > *to { from } else { *to };
            }
        }
    }
}

/// Weighted sums of everything.
#[cfg_attr(
    all(feature = "simd", target_arch = "wasm32"),
    target_feature(enable = "simd128")
)]
fn weigh(from: &[f32], weights: &[f32], bias: &[f32], to: &mut [f32; ROW]) {
    to.copy_from_slice(bias);
    for (&factor, row) in from.iter().zip(weights.as_chunks::<ROW>().0) {
        for (sum, weight) in to.iter_mut().zip(row) {
            *sum += factor * weight;
        }
    }
}
