//! x
use super::{connect::ConnectDraft, problem::Problems};
pub(crate) fn check(_: &[ConnectDraft], _: &mut Problems<'_>) {}
