//! The network of ../src/model.rs with its derivatives. All weights are in one vector.

use crate::Random;

const SIDE: usize = 8;
pub const PIXELS: usize = SIDE * SIDE;
const CLASSES: usize = 10;
/// Classes, padded as in the file.
const ROW: usize = 12;
const FIRST: usize = 16;
const SECOND: usize = 32;
const POOLED: usize = PIXELS / 4 * SECOND;

// The offsets of the layers' weights.
const FIRST_AT: usize = 0;
const FIRST_BIAS: usize = FIRST_AT + 9 * FIRST;
const SECOND_AT: usize = FIRST_BIAS + FIRST;
const SECOND_BIAS: usize = SECOND_AT + 9 * FIRST * SECOND;
const LAST_AT: usize = SECOND_BIAS + SECOND;
const LAST_BIAS: usize = LAST_AT + POOLED * CLASSES;
const WEIGHTS: usize = LAST_BIAS + CLASSES;

/// The current weights.
pub struct Network {
    pub weights: Vec<f32>,
}

/// The derivative of the loss by each weight.
pub struct Gradient(pub Vec<f32>);

impl Gradient {
    pub fn new() -> Self {
        Gradient(vec![0.0; WEIGHTS])
    }
}

/// The outputs of all layers for a picture.
struct Layers {
    picture: Vec<f32>,
    once: Vec<f32>,
    twice: Vec<f32>,
    pooled: Vec<f32>,
    scores: [f32; CLASSES],
}

impl Network {
    pub fn new(random: &mut Random) -> Self {
        let mut weights = vec![0.0; WEIGHTS];
        for (from, to, inputs) in [
            (FIRST_AT, FIRST_BIAS, 9),
            (SECOND_AT, SECOND_BIAS, 9 * FIRST),
            (LAST_AT, LAST_BIAS, POOLED),
        ] {
            // He et al. 2015: a variance of 2 / inputs. A sum of twelve uniform numbers is normal enough.
            let deviation = (2.0 / inputs as f32).sqrt();
            for weight in &mut weights[from..to] {
                let sum: f32 = (0..12).map(|_| random.part()).sum();
                *weight = (sum - 6.0) * deviation;
            }
        }
        Network { weights }
    }

    /// The weights in the file's form: rows of classes padded with zeros.
    pub fn written(&self) -> impl Iterator<Item = f32> + '_ {
        let rows = self.weights[LAST_AT..].chunks(CLASSES);
        let filled = rows.flat_map(|row| row.iter().copied().chain([0.0; ROW - CLASSES]));
        self.weights[..LAST_AT].iter().copied().chain(filled)
    }

    /// The digit with the highest score for a picture.
    pub fn class(&self, pixels: &[u8; PIXELS]) -> usize {
        let scores = self.forward(pixels).scores;
        let better = |best: usize, class: usize| {
            if scores[class] > scores[best] {
                class
            } else {
                best
            }
        };
        (0..CLASSES).fold(0, better)
    }

    fn forward(&self, pixels: &[u8; PIXELS]) -> Layers {
        let picture: Vec<f32> = pixels
            .iter()
            .map(|&pixel| f32::from(pixel) / 16.0)
            .collect();
        let weights = &self.weights;
        let once = convolve(
            &picture,
            1,
            &weights[FIRST_AT..FIRST_BIAS],
            &weights[FIRST_BIAS..SECOND_AT],
        );
        let twice = convolve(
            &once,
            FIRST,
            &weights[SECOND_AT..SECOND_BIAS],
            &weights[SECOND_BIAS..LAST_AT],
        );
        let mut pooled = vec![0.0_f32; POOLED];
        for (at, pooled) in pooled.iter_mut().enumerate() {
            for from in four(at) {
                if twice[from] > *pooled {
                    *pooled = twice[from];
                }
            }
        }
        let mut scores = [0.0; CLASSES];
        scores.copy_from_slice(&weights[LAST_BIAS..]);
        for (factor, row) in pooled
            .iter()
            .zip(weights[LAST_AT..LAST_BIAS].chunks(CLASSES))
        {
            for (score, weight) in scores.iter_mut().zip(row) {
                *score += factor * weight;
            }
        }
        Layers {
            picture,
            once,
            twice,
            pooled,
            scores,
        }
    }

    /// Adds the derivatives of the cross entropy at one picture to `gradient`. Returns the
    /// probability that the network gives to other digits.
    pub fn learn(&self, pixels: &[u8; PIXELS], label: usize, gradient: &mut Gradient) -> f32 {
        let layers = self.forward(pixels);
        let most = layers.scores.iter().fold(
            f32::MIN,
            |most, &score| if score > most { score } else { most },
        );
        let powers = layers.scores.map(|score| exp(score - most));
        let sum: f32 = powers.iter().sum();
        let mut wrong = powers.map(|power| power / sum);
        let loss = 1.0 - wrong[label];
        wrong[label] -= 1.0;

        let gradient = &mut gradient.0;
        let mut pooled = vec![0.0; POOLED];
        for (at, (&factor, pooled)) in layers.pooled.iter().zip(&mut pooled).enumerate() {
            let row = LAST_AT + at * CLASSES..LAST_AT + (at + 1) * CLASSES;
            let rows = gradient[row.clone()].iter_mut().zip(&self.weights[row]);
            for ((gradient, weight), wrong) in rows.zip(&wrong) {
                *gradient += factor * wrong;
                *pooled += weight * wrong;
            }
        }
        for (gradient, wrong) in gradient[LAST_BIAS..].iter_mut().zip(&wrong) {
            *gradient += wrong;
        }
        let mut twice = vec![0.0; PIXELS * SECOND];
        for (at, wrong) in pooled.into_iter().enumerate() {
            // The derivative goes to the first maximum, unless ReLU cut it off.
            let largest = four(at)
                .into_iter()
                .find(|&from| layers.twice[from] == layers.pooled[at]);
            if let (Some(from), true) = (largest, layers.pooled[at] > 0.0) {
                twice[from] += wrong;
            }
        }
        let mut once = vec![0.0; PIXELS * FIRST];
        let (weights, bias) = gradient[SECOND_AT..LAST_AT].split_at_mut(SECOND_BIAS - SECOND_AT);
        convolved(
            &layers.once,
            FIRST,
            &self.weights[SECOND_AT..SECOND_BIAS],
            &twice,
            &mut once,
            weights,
            bias,
        );
        for (wrong, value) in once.iter_mut().zip(&layers.once) {
            if *value <= 0.0 {
                *wrong = 0.0;
            }
        }
        let mut picture = vec![0.0; PIXELS];
        let (weights, bias) = gradient[FIRST_AT..SECOND_AT].split_at_mut(FIRST_BIAS - FIRST_AT);
        convolved(
            &layers.picture,
            1,
            &self.weights[FIRST_AT..FIRST_BIAS],
            &once,
            &mut picture,
            weights,
            bias,
        );
        loss
    }
}

/// The four positions that a pooled value is the maximum of.
fn four(at: usize) -> [usize; 4] {
    let (place, channel) = (at / SECOND, at % SECOND);
    let (y, x) = (place / (SIDE / 2) * 2, place % (SIDE / 2) * 2);
    [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(dy, dx)| ((y + dy) * SIDE + x + dx) * SECOND + channel)
}

/// All triples of an output position, an input pixel, and the kernel position that connects them.
fn taps() -> impl Iterator<Item = (usize, usize, usize)> {
    (0..PIXELS).flat_map(|place| {
        (0..9).filter_map(move |tap| {
            let (y, x) = (place / SIDE + tap / 3, place % SIDE + tap % 3);
            let inside = (1..=SIDE).contains(&y) && (1..=SIDE).contains(&x);
            inside.then(|| (place, (y - 1) * SIDE + x - 1, tap))
        })
    })
}

fn convolve(from: &[f32], channels: usize, weights: &[f32], bias: &[f32]) -> Vec<f32> {
    let out = bias.len();
    let mut to = bias.repeat(PIXELS);
    for (place, pixel, tap) in taps() {
        let sums = &mut to[place * out..(place + 1) * out];
        for channel in 0..channels {
            let factor = from[pixel * channels + channel];
            let row = &weights[(tap * channels + channel) * out..][..out];
            for (sum, weight) in sums.iter_mut().zip(row) {
                *sum += factor * weight;
            }
        }
    }
    for value in &mut to {
        *value = if *value > 0.0 { *value } else { 0.0 };
    }
    to
}

/// The derivatives of a convolution layer: by its input, and by its weights.
fn convolved(
    from: &[f32],
    channels: usize,
    weights: &[f32],
    wrong: &[f32],
    by_input: &mut [f32],
    by_weights: &mut [f32],
    by_bias: &mut [f32],
) {
    let out = by_bias.len();
    for (place, pixel, tap) in taps() {
        let wrong = &wrong[place * out..(place + 1) * out];
        for channel in 0..channels {
            let row = (tap * channels + channel) * out..(tap * channels + channel + 1) * out;
            let factor = from[pixel * channels + channel];
            let mut sum = 0.0;
            let rows = by_weights[row.clone()].iter_mut().zip(&weights[row]);
            for ((by_weight, weight), wrong) in rows.zip(wrong) {
                *by_weight += factor * wrong;
                sum += weight * wrong;
            }
            by_input[pixel * channels + channel] += sum;
        }
    }
    for wrong in wrong.chunks(out) {
        for (by_bias, wrong) in by_bias.iter_mut().zip(wrong) {
            *by_bias += wrong;
        }
    }
}

/// The exponential of a number up to 0, with the same result on every platform: a series for the
/// part that remains after taking out a power of two.
fn exp(value: f32) -> f32 {
    if value < -80.0 {
        return 0.0;
    }
    let power = (value * std::f32::consts::LOG2_E).floor();
    let left = value - power * std::f32::consts::LN_2;
    let mut term = 1.0;
    let mut sum = 1.0;
    for count in 1..9 {
        term *= left / count as f32;
        sum += term;
    }
    sum * f32::from_bits(((power as i32 + 127) as u32) << 23)
}
