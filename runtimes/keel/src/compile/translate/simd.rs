//! Vector operators.

use wasmparser::Operator;

use super::FuncTranslator;
use crate::error::Result;

/// Translates a vector operator; false where it is none.
pub(super) fn translate(_translator: &mut FuncTranslator<'_, '_>, _op: &Operator<'_>) -> Result<bool> {
    Ok(false)
}
