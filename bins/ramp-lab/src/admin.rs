//! Administration of a broker by Kafka's own protocol: no JVM is started for it, so that it takes milliseconds.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    num::{NonZeroU32, NonZeroU64},
    time::Duration,
};

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::{
    ResponseError,
    messages::{
        AlterClientQuotasRequest, AlterClientQuotasResponse, AlterUserScramCredentialsRequest,
        AlterUserScramCredentialsResponse, ApiKey, CreateTopicsRequest, CreateTopicsResponse, RequestHeader,
        ResponseHeader,
        alter_client_quotas_request::{EntityData, EntryData, OpData},
        alter_user_scram_credentials_request::ScramCredentialUpsertion,
        create_topics_request::CreatableTopic,
    },
    protocol::{Decodable, Encodable, HeaderVersion, StrBytes},
};
use ring::{digest, pbkdf2};

use crate::tls::Password;

/// Creates `topics` with `partitions` partitions each; those that exist already are left as they are.
pub(crate) fn create_topics(bootstrap: &str, topics: &[String], partitions: u16) -> Result<(), AdminError> {
    let topics = topics
        .iter()
        .map(|name| {
            CreatableTopic::default()
                .with_name(text(name).into())
                .with_num_partitions(i32::from(partitions))
                .with_replication_factor(1)
        })
        .collect();
    let request = CreateTopicsRequest::default().with_topics(topics).with_timeout_ms(ANSWER_WITHIN_MS);
    let response: CreateTopicsResponse = ask(bootstrap, ApiKey::CreateTopics, 5, &request)?;
    for topic in response.topics {
        if topic.error_code != ResponseError::TopicAlreadyExists.code() {
            check(topic.error_code, topic.error_message)?;
        }
    }
    Ok(())
}

/// A client quota: whose, and on what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quota {
    /// The client id that it limits; each that has no quota of its own where there is none.
    pub(crate) client_id: Option<&'static str>,
    /// What it limits, by Kafka's name for it.
    pub(crate) key: &'static str,
}

/// Sets `quota` to `limit`, or removes it.
pub(crate) fn set_quota(bootstrap: &str, quota: Quota, limit: Option<NonZeroU64>) -> Result<(), AdminError> {
    let entity = EntityData::default()
        .with_entity_type(StrBytes::from_static_str("client-id"))
        .with_entity_name(quota.client_id.map(StrBytes::from_static_str));
    #[expect(clippy::cast_precision_loss, reason = "a rate beyond 2^53 bytes per second limits nothing")]
    let value = limit.map_or(0.0, |limit| limit.get() as f64);
    let operation = OpData::default()
        .with_key(StrBytes::from_static_str(quota.key))
        .with_value(value)
        .with_remove(limit.is_none());
    let entry = EntryData::default().with_entity(vec![entity]).with_ops(vec![operation]);
    let request = AlterClientQuotasRequest::default().with_entries(vec![entry]);
    let response: AlterClientQuotasResponse = ask(bootstrap, ApiKey::AlterClientQuotas, 1, &request)?;
    response.entries.into_iter().try_for_each(|entry| check(entry.error_code, entry.error_message))
}

/// Makes `user` known for SCRAM-SHA-512; the password itself is not sent.
pub(crate) fn set_scram_user(
    bootstrap: &str,
    user: &str,
    password: &Password,
    salt: [u8; 16],
) -> Result<(), AdminError> {
    let mut salted = [0; digest::SHA512_OUTPUT_LEN];
    let (algorithm, secret) = (pbkdf2::PBKDF2_HMAC_SHA512, password.expose().as_bytes());
    pbkdf2::derive(algorithm, SCRAM_ITERATIONS, &salt, secret, &mut salted);
    let upsertion = ScramCredentialUpsertion::default()
        .with_name(text(user))
        .with_mechanism(SCRAM_SHA_512)
        .with_iterations(SCRAM_ITERATIONS.get().cast_signed())
        .with_salt(Bytes::copy_from_slice(&salt))
        .with_salted_password(Bytes::copy_from_slice(&salted));
    let request = AlterUserScramCredentialsRequest::default().with_upsertions(vec![upsertion]);
    let response: AlterUserScramCredentialsResponse =
        ask(bootstrap, ApiKey::AlterUserScramCredentials, 0, &request)?;
    response.results.into_iter().try_for_each(|result| check(result.error_code, result.error_message))
}

/// Why an administrative request failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum AdminError {
    /// The broker could not be reached, or did not answer in time.
    #[error("reach the broker at {bootstrap}")]
    Unreachable {
        /// Where it was to be.
        bootstrap: String,
        /// What the connection said.
        source: io::Error,
    },
    /// The broker's answer, or the request, is not in a form that both sides know.
    #[error("speak Kafka's protocol with the broker: {0}")]
    Protocol(String),
    /// The broker refused.
    #[error("have it done by the broker: {0}")]
    Refused(String),
}

/// Sends one request over a connection of its own and waits for the answer.
fn ask<R, A>(bootstrap: &str, key: ApiKey, version: i16, request: &R) -> Result<A, AdminError>
where
    R: Encodable + HeaderVersion,
    A: Decodable + HeaderVersion,
{
    let protocol = |error: &dyn std::fmt::Display| AdminError::Protocol(error.to_string());
    let header = RequestHeader::default()
        .with_request_api_key(key as i16)
        .with_request_api_version(version)
        .with_client_id(Some(StrBytes::from_static_str("ramp-lab")));
    let mut message = BytesMut::new();
    header.encode(&mut message, R::header_version(version)).map_err(|error| protocol(&error))?;
    request.encode(&mut message, version).map_err(|error| protocol(&error))?;
    let mut answer = exchange(bootstrap, &message)
        .map_err(|source| AdminError::Unreachable { bootstrap: bootstrap.to_owned(), source })?;
    ResponseHeader::decode(&mut answer, A::header_version(version)).map_err(|error| protocol(&error))?;
    A::decode(&mut answer, version).map_err(|error| protocol(&error))
}

fn exchange(bootstrap: &str, message: &[u8]) -> io::Result<Bytes> {
    let mut connection = TcpStream::connect(bootstrap)?;
    connection.set_read_timeout(Some(ANSWER_WITHIN))?;
    connection.set_write_timeout(Some(ANSWER_WITHIN))?;
    let length = i32::try_from(message.len()).map_err(io::Error::other)?;
    let mut frame = BytesMut::new();
    frame.put_i32(length);
    frame.put_slice(message);
    connection.write_all(&frame)?;
    let mut length = [0; 4];
    connection.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length);
    let mut answer = Vec::new();
    connection.take(u64::from(length)).read_to_end(&mut answer)?;
    Ok(answer.into())
}

fn check(code: i16, message: Option<StrBytes>) -> Result<(), AdminError> {
    if code == 0 {
        return Ok(());
    }
    let name = ResponseError::try_from_code(code).map_or_else(|| code.to_string(), |error| error.to_string());
    Err(AdminError::Refused(message.map_or_else(|| name.clone(), |message| format!("{name}: {}", &*message))))
}

fn text(value: &str) -> StrBytes {
    StrBytes::from_string(value.to_owned())
}

/// Kafka's number for the mechanism.
const SCRAM_SHA_512: i8 = 2;
/// The least that Kafka takes.
const SCRAM_ITERATIONS: NonZeroU32 = NonZeroU32::new(4096).expect("4096 is not zero");
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
const ANSWER_WITHIN_MS: i32 = 10_000;
