//! Decodes a JPEG and a PNG, scales both, encodes the results and decodes them again: a thumbnail
//! service. What is printed are digests of *pixels*: encoders are free to write other bytes on
//! another word size.

use std::env;
use std::error::Error;
use std::fs;
use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::imageops::{self, FilterType};
use image::{ImageFormat, RgbImage};

const JPEG_QUALITY: u8 = 85;

/// FNV-1a, 64 bit, over the samples of an image.
fn fnv1a(pixels: &RgbImage) -> u64 {
    pixels
        .as_raw()
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
        })
}

fn describe(what: &str, pixels: &RgbImage) {
    println!(
        "{what}: {} x {}, fnv1a {:016x}",
        pixels.width(),
        pixels.height(),
        fnv1a(pixels)
    );
}

fn decode(bytes: &[u8], format: ImageFormat) -> Result<RgbImage, Box<dyn Error>> {
    Ok(image::load_from_memory_with_format(bytes, format)?.into_rgb8())
}

fn thumbnail(path: &str) -> Result<(), Box<dyn Error>> {
    let bytes = fs::read(path).map_err(|error| format!("reading {path}: {error}"))?;
    println!("{path}: {} bytes", bytes.len());
    let original = decode(&bytes, ImageFormat::from_path(path)?)?;
    describe("decoded", &original);

    // A cubic filter, because its weights are polynomials: Lanczos needs sin(), and no two C libraries
    // agree on its last bit.
    let half = imageops::resize(
        &original,
        original.width() / 2,
        original.height() / 2,
        FilterType::CatmullRom,
    );
    describe("halved", &half);

    let mut png = Vec::new();
    half.write_to(&mut Cursor::new(&mut png), ImageFormat::Png)?;
    if decode(&png, ImageFormat::Png)? != half {
        return Err("the encoded PNG decodes to other pixels".into());
    }
    println!("PNG holds the same pixels");

    let mut jpeg = Vec::new();
    half.write_with_encoder(JpegEncoder::new_with_quality(&mut jpeg, JPEG_QUALITY))?;
    describe("JPEG holds", &decode(&jpeg, ImageFormat::Jpeg)?);
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let paths: Vec<String> = env::args().skip(1).collect();
    if paths.is_empty() {
        return Err("usage: image PICTURE..".into());
    }
    paths.iter().try_for_each(|path| thumbnail(path))
}
