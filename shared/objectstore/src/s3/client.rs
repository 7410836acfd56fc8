//! How the SDK's client is set up.

use std::env;
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    Builder, Credentials, Region, RequestChecksumCalculation, ResponseChecksumValidation, SharedHttpClient,
};
use aws_smithy_http_client::tls::{self, rustls_provider::CryptoMode};

/// Tries of one request, the first included.
pub(super) const ATTEMPTS: u32 = 4;

/// A server that does not take the connection in this time is down.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Longest wait for the first byte of an answer.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// Longest time of one try: a 16 MiB body over a slow (2 Mbit/s) line.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(75);

/// Region where nobody set one: what S3-compatible servers and AWS itself take as the default.
const DEFAULT_REGION: &str = "us-east-1";

/// A client by AWS's standard variables, files and roles.
pub(super) async fn from_environment() -> Client {
    let config = aws_config::defaults(BehaviorVersion::latest()).http_client(http_client()).load().await;
    let mut builder = Builder::from(&config);
    if config.region().is_none() {
        builder = builder.region(Region::from_static(DEFAULT_REGION));
    }
    // Whoever sets an endpoint runs a server of their own, where bucket.host names rarely resolve.
    let own_endpoint = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"]
        .iter()
        .any(|name| env::var_os(name).is_some_and(|value| !value.is_empty()));
    finish(builder.force_path_style(own_endpoint || config.endpoint_url().is_some()))
}

/// A client that reads nothing from the environment.
pub(super) fn at_endpoint(endpoint: &str, access_key: &str, secret_key: &str) -> Client {
    let builder = Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http_client())
        .region(Region::from_static(DEFAULT_REGION))
        .endpoint_url(endpoint)
        .credentials_provider(Credentials::new(access_key, secret_key, None, None, "explicit"))
        .force_path_style(true);
    finish(builder)
}

fn finish(builder: Builder) -> Client {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .build();
    let config = builder
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .timeout_config(timeouts)
        // The SDK's default adds checksums that older S3-compatible servers refuse.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        .build();
    Client::from_conf(config)
}

fn http_client() -> SharedHttpClient {
    let provider = tls::Provider::Rustls(CryptoMode::Ring);
    aws_smithy_http_client::Builder::new().tls_provider(provider).build_https()
}
