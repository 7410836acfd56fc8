//! The end of a JSON Web Token. Nothing is verified: only Airflow's API server may trust a token.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;

/// `exp` (Unix seconds) of a token; `None` when there is none or it cannot be read.
pub(crate) fn expires_s(token: &str) -> Option<u64> {
    #[derive(Deserialize)]
    struct Claims {
        exp: Option<u64>,
    }
    let claims = token.split('.').nth(1)?;
    let claims = URL_SAFE_NO_PAD.decode(claims.trim_end_matches('=')).ok()?;
    serde_json::from_slice::<Claims>(&claims).ok()?.exp
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_read_without_the_signature() {
        let token = format!("e30.{}.anything", URL_SAFE_NO_PAD.encode(br#"{"sub":"x","exp":1795326961}"#));
        assert_eq!(expires_s(&token), Some(1_795_326_961));
    }

    #[test]
    fn what_is_no_token_has_no_end() {
        for text in ["", "a.b", "a.%%.c", "e30.e30.x"] {
            assert_eq!(expires_s(text), None, "{text}");
        }
    }
}
