//! From bytes to evidence.

use crate::{Evidence, ShapeError, SnpEvidence, TdxEvidence, TpmEvidence};

pub(crate) fn snp(_bytes: &[u8]) -> Result<SnpEvidence, ShapeError> {
    Err(ShapeError::Empty)
}

pub(crate) fn tdx(_bytes: &[u8]) -> Result<TdxEvidence, ShapeError> {
    Err(ShapeError::Empty)
}

pub(crate) fn tpm(_bytes: &[u8]) -> Result<TpmEvidence, ShapeError> {
    Err(ShapeError::Empty)
}

pub(crate) fn any(_bytes: &[u8]) -> Result<Evidence, ShapeError> {
    Err(ShapeError::Empty)
}
