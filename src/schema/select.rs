//! x
use super::{connect::ConnectDraft, problem::Problems, source::Context};
pub(crate) fn check(_: &[ConnectDraft], _: Context<'_>, _: &mut Problems<'_>) {}
