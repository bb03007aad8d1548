//! What somebody did who may mean no good, one line each: for alarms, and to find who it was.

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecurityEvent {
    /// Credentials that do not hold.
    CredentialsRefused,
    /// Credentials were needed, and there were none.
    CredentialsMissing,
    /// A request that a page of another site may have made.
    CrossSite,
    /// Fields that the caller may not have.
    FieldsRefused,
    /// More requests than the caller may make.
    OverQuota,
}

/// Who did it, as far as is known.
#[derive(Debug, Clone, Copy, Default)]
pub struct Suspect<'a> {
    /// The request's id.
    pub request_id: &'a str,
    /// Which surface was asked.
    pub surface: &'a str,
    /// The address of the connection.
    pub peer: Option<std::net::IpAddr>,
}

/// Writes the line. `reason` is our own text: nothing of a token or key is ever in it.
pub fn security(event: SecurityEvent, reason: &str, suspect: Suspect<'_>) {
    let Suspect {
        request_id,
        surface,
        peer,
    } = suspect;
    tracing::warn!(
        target: "switchboard::security",
        event = event.as_str(),
        request_id,
        surface,
        peer = peer.map(tracing::field::display),
        reason,
        "security"
    );
}

// === impl SecurityEvent ===

impl SecurityEvent {
    /// As lines have it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CredentialsRefused => "credentials_refused",
            Self::CredentialsMissing => "credentials_missing",
            Self::CrossSite => "cross_site",
            Self::FieldsRefused => "fields_refused",
            Self::OverQuota => "over_quota",
        }
    }
}
