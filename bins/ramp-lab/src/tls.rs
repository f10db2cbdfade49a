//! A throw-away certificate authority and a random user: what guards the source's `SASL_SSL` listener.

use std::{fmt, io, net::Ipv4Addr, path::PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose, SanType};
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};

use crate::state::Claim;

/// How to pass the source's `SASL_SSL` listener, by PLAIN or by SCRAM-SHA-512.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guard {
    /// The listener, as `host:port`.
    pub bootstrap: String,
    /// The user that it knows.
    pub user: String,
    /// That user's password.
    pub password: Password,
    /// The certificate of the authority that has signed the listener's, as a PEM file.
    pub ca: PathBuf,
}

/// A password; shown to those only who ask for it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Password(String);

impl Password {
    /// The password itself. Keep it out of messages, logs and command lines.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// 32 random hexadecimal digits.
    fn random() -> Result<Self, TlsError> {
        let bytes: [u8; 16] = random()?;
        Ok(Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(***)")
    }
}

/// Makes an authority, a certificate and a user for a listener at `port`; returns the guard and the listener's PEM
/// key store. The authority's key is kept nowhere.
pub(crate) fn guard(port: u16, claim: &Claim) -> Result<(Guard, PathBuf), TlsError> {
    let pem = certificates()?;
    let ca = claim.configure("ca.pem", &pem.ca)?;
    let keystore = claim.configure("source-keystore.pem", &pem.keystore)?;
    let bootstrap = format!("127.0.0.1:{port}");
    Ok((Guard { bootstrap, user: USER.to_owned(), password: Password::random()?, ca }, keystore))
}

/// Why the guard could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum TlsError {
    /// No certificate.
    #[error("make a certificate")]
    Certificate(#[from] rcgen::Error),
    /// A file cannot be written.
    #[error("write the certificates")]
    Io(#[from] io::Error),
    /// The system has no random numbers.
    #[error("get random numbers from the system")]
    Random,
}

/// Random bytes that nobody can foresee.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], TlsError> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| TlsError::Random)?;
    Ok(bytes)
}

struct Pem {
    ca: String,
    keystore: String,
}

fn certificates() -> Result<Pem, TlsError> {
    let mut authority = CertificateParams::new([])?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    authority.distinguished_name.push(rcgen::DnType::CommonName, "ramp-lab throw-away CA");
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;

    let mut listener = CertificateParams::new(["localhost".to_owned()])?;
    listener.subject_alt_names.push(SanType::IpAddress(Ipv4Addr::LOCALHOST.into()));
    listener.distinguished_name.push(rcgen::DnType::CommonName, "ramp-lab source");
    let key = KeyPair::generate()?;
    let certificate = listener.signed_by(&key, &authority)?;
    let ca = authority.pem();
    let keystore = format!("{}{}{ca}", key.serialize_pem(), certificate.pem());
    Ok(Pem { ca, keystore })
}

const USER: &str = "ramp";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_in_its_debug_text() {
        let password = Password::random().unwrap();
        assert_eq!(password.expose().len(), 32);
        assert!(!format!("{password:?}").contains(password.expose()));
    }

    #[test]
    fn no_two_passwords_are_alike() {
        assert_ne!(Password::random().unwrap(), Password::random().unwrap());
    }

    #[test]
    fn the_authoritys_key_is_in_no_file() {
        let pem = certificates().unwrap();
        assert!(!pem.ca.contains("PRIVATE KEY"));
        assert_eq!(pem.keystore.matches("BEGIN PRIVATE KEY").count(), 1);
        assert_eq!(pem.keystore.matches("BEGIN CERTIFICATE").count(), 2);
    }
}
