//! `POST /v1/usage`: live rows of agents.

use std::io::Read as _;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::UsageRecord;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::metering;
use super::state::Shared;
use crate::database::DatabaseError;

/// Version of request and answer.
const SCHEMA: u32 = 1;
/// Largest request as sent; a batch of a busy worker is some kilobytes.
pub(super) const REQUEST_LIMIT_BYTES: usize = 4 << 20;
/// Largest request unpacked.
const UNPACKED_LIMIT_BYTES: u64 = 64 << 20;

/// Live rows.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct UsageRequest {
    /// 1.
    pub(crate) schema: u32,
    /// Rows; an open window is sent again with the same `seq` and a later `window_end`.
    pub(crate) records: Vec<UsageRecord>,
}

/// What is kept and need not be sent again.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct UsageAnswer {
    /// 1.
    pub(crate) schema: u32,
    /// Rows that are kept.
    pub(crate) acknowledged: Vec<RowDocument>,
}

/// A row, by writer and number.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RowDocument {
    /// Who wrote it.
    pub(crate) writer: String,
    /// Its number.
    pub(crate) seq: u64,
}

/// Why a request was refused.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Refusal {
    /// In words.
    pub(crate) error: String,
}

pub(super) fn refuse(status: StatusCode, error: impl Into<String>) -> Response {
    (status, Json(Refusal { error: error.into() })).into_response()
}

pub(super) async fn post(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if !shared.token.accepts(shown) {
        return refuse(StatusCode::UNAUTHORIZED, "the bearer token is not the one of this server");
    }
    let packed = headers.get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding == "gzip");
    let request = match parse(&body, packed) {
        Ok(request) => request,
        Err(reason) => return refuse(StatusCode::BAD_REQUEST, reason),
    };
    let count = request.records.len();
    match shared.take_live(request.records).await {
        Ok(rows) => {
            metering::rows("live", count);
            let acknowledged = rows.into_iter().map(|(writer, seq)| RowDocument { writer, seq }).collect();
            Json(UsageAnswer { schema: SCHEMA, acknowledged }).into_response()
        }
        Err(DatabaseError::Row(error)) => refuse(StatusCode::BAD_REQUEST, error.to_string()),
        Err(error) => {
            tracing::error!(error = daemon::chain(&error), "live usage was not kept");
            refuse(StatusCode::SERVICE_UNAVAILABLE, "the rows could not be kept; send them again")
        }
    }
}

fn parse(body: &[u8], packed: bool) -> Result<UsageRequest, String> {
    let mut unpacked = Vec::new();
    let text = if packed {
        let mut reader = flate2::read::GzDecoder::new(body).take(UNPACKED_LIMIT_BYTES + 1);
        reader.read_to_end(&mut unpacked).map_err(|error| format!("the body is no gzip: {error}"))?;
        if unpacked.len() as u64 > UNPACKED_LIMIT_BYTES {
            return Err(format!("the body is larger than {UNPACKED_LIMIT_BYTES} bytes unpacked"));
        }
        &unpacked[..]
    } else {
        body
    };
    let request: UsageRequest =
        serde_json::from_slice(text).map_err(|error| format!("the body is no usage request: {error}"))?;
    if request.schema != SCHEMA {
        return Err(format!("schema {} is not known; this server reads {SCHEMA}", request.schema));
    }
    Ok(request)
}
