//! Where the broker is: a URL as Airflow's `[celery] broker_url` has it.

use redis::{Client, ConnectionAddr, IntoConnectionInfo};
use secrecy::{ExposeSecret, SecretString};

use crate::Error;

/// A parsed broker URL. Its `Debug` and [`Address::label`] never show a credential.
#[derive(Clone)]
pub(crate) struct Address {
    client: Client,
    label: String,
    database: i64,
}

impl Address {
    /// Reads `redis://` and `rediss://` URLs. Celery's query parameters are ignored.
    pub(crate) fn parse(url: &SecretString) -> Result<Self, Error> {
        let url = url.expose_secret().trim();
        let (scheme, _) = url.split_once("://").ok_or(Error::Address { reason: "it has no scheme" })?;
        match scheme {
            "redis" | "rediss" => {}
            "sentinel" => return Err(Error::Address { reason: "sentinel:// is not supported yet" }),
            "redis+socket" => return Err(Error::Address { reason: "redis+socket:// is not supported yet" }),
            "amqp" | "amqps" | "pyamqp" | "sqs" => {
                return Err(Error::Address {
                    reason: "it names another kind of broker, and only Redis is supported",
                });
            }
            _ => return Err(Error::Address { reason: "its scheme is neither redis nor rediss" }),
        }
        let (bare, _celery_parameters) = url.split_once('?').unwrap_or((url, ""));
        let info = bare
            .into_connection_info()
            .map_err(|_| Error::Address { reason: "host, port or database number cannot be read" })?;
        let database = info.redis_settings().db();
        let host = match info.addr() {
            ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
                format!("{host}:{port}")
            }
            other => other.to_string(),
        };
        let client = Client::open(info)
            .map_err(|_| Error::Address { reason: "the settings in it contradict each other" })?;
        Ok(Self { client, label: format!("{host}/{database}"), database })
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// `host:port/db`, for messages.
    pub(crate) fn label(&self) -> &str {
        &self.label
    }

    /// The database number, part of the names of Celery's pub/sub channels.
    pub(crate) fn database(&self) -> i64 {
        self.database
    }
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Address").field(&self.label).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<Address, Error> {
        Address::parse(&SecretString::from(url.to_owned()))
    }

    #[test]
    fn labels_carry_host_port_database_and_no_secret() {
        let address = parse("redis://:s3cret@127.0.0.1:16379/3").unwrap();
        assert_eq!((address.label(), address.database()), ("127.0.0.1:16379/3", 3));
        assert_eq!(format!("{address:?}"), "Address(\"127.0.0.1:16379/3\")");
        assert_eq!(parse("redis://redis/").unwrap().label(), "redis:6379/0");
    }

    #[test]
    fn parameters_of_celery_are_ignored() {
        assert_eq!(parse("rediss://redis:6380/1?ssl_cert_reqs=required").unwrap().label(), "redis:6380/1");
    }

    #[test]
    fn what_is_not_understood_is_said() {
        let messages: Vec<String> =
            ["", "127.0.0.1:6379", "amqp://x", "sentinel://x", "redis://h:p/0", "redis://h/x"]
                .iter()
                .map(|url| parse(url).unwrap_err().to_string())
                .collect();
        insta::assert_snapshot!(messages.join("\n"), @"
        the broker's URL is not understood: it has no scheme
        the broker's URL is not understood: it has no scheme
        the broker's URL is not understood: it names another kind of broker, and only Redis is supported
        the broker's URL is not understood: sentinel:// is not supported yet
        the broker's URL is not understood: host, port or database number cannot be read
        the broker's URL is not understood: host, port or database number cannot be read
        ");
    }
}
