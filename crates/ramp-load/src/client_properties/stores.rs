//! Key stores and trust stores: librdkafka trusts only PEM, and reads keys from PEM and PKCS12.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use p12_keystore::{KeyStore, KeyStoreEntry, Pkcs12ImportPolicy};

/// What a store holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Pem,
    Pkcs12,
}

/// Whom a trust store trusts.
pub(super) enum Trusted {
    /// The file itself is PEM.
    File,
    /// The certificates in PEM.
    Pem(String),
}

/// Why a store cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// It cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It has Java's own form.
    #[error(
        "{0} is a JKS key store, which only Java reads; convert it with `keytool -importkeystore -srckeystore {0} \
         -destkeystore {1} -deststoretype PKCS12` and name {1} instead", path.display(), path.with_extension("p12").display()
    )]
    Jks {
        /// The file.
        path: PathBuf,
    },
    /// It has no form that is known.
    #[error("{} is neither PEM nor PKCS12", path.display())]
    Unknown {
        /// The file.
        path: PathBuf,
    },
    /// It does not open.
    #[error("{} does not open: {reason}; check ssl.truststore.password", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// It trusts nobody.
    #[error("{} has no trusted certificate; import one with `keytool -importcert`", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

/// The form of the store at `path`, as its first bytes tell.
pub(super) fn form(path: &Path) -> Result<Form, StoreError> {
    form_of(path, &load(path)?)
}

/// Whom the store at `path` trusts.
pub(super) fn trusted(path: &Path, password: Option<&str>) -> Result<Trusted, StoreError> {
    let bytes = load(path)?;
    if form_of(path, &bytes)? == Form::Pem {
        return Ok(Trusted::File);
    }
    // Of certificates without a key, Java trusts those that it has marked as trusted, and no other.
    let store = KeyStore::from_pkcs12(&bytes, password.unwrap_or_default(), Pkcs12ImportPolicy::Strict)
        .map_err(|error| StoreError::Locked { path: path.to_owned(), reason: error.to_string() })?;
    let pem: String = store
        .entries()
        .filter_map(|(_, entry)| match entry {
            KeyStoreEntry::Certificate(certificate) => Some(pem(certificate.as_der())),
            KeyStoreEntry::PrivateKeyChain(_) | KeyStoreEntry::Secret(_) => None,
        })
        .collect();
    if pem.is_empty() { Err(StoreError::Empty { path: path.to_owned() }) } else { Ok(Trusted::Pem(pem)) }
}

fn load(path: &Path) -> Result<Vec<u8>, StoreError> {
    fs::read(path).map_err(|source| StoreError::Unreadable { path: path.to_owned(), source })
}

fn form_of(path: &Path, bytes: &[u8]) -> Result<Form, StoreError> {
    if bytes.starts_with(&JKS) || bytes.starts_with(&JCEKS) {
        return Err(StoreError::Jks { path: path.to_owned() });
    }
    if bytes.first() == Some(&DER_SEQUENCE) {
        return Ok(Form::Pkcs12);
    }
    // Text may stand before the first certificate.
    if bytes.windows(PEM.len()).any(|window| window == PEM) {
        return Ok(Form::Pem);
    }
    Err(StoreError::Unknown { path: path.to_owned() })
}

fn pem(der: &[u8]) -> String {
    let base64 = STANDARD.encode(der);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = more;
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}

const JKS: [u8; 4] = [0xfe, 0xed, 0xfe, 0xed];
const JCEKS: [u8; 4] = [0xce, 0xce, 0xce, 0xce];
const DER_SEQUENCE: u8 = 0x30;
const PEM: &[u8] = b"-----BEGIN ";
