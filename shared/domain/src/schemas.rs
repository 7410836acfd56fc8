//! JSON schemas of the stored formats; `cargo xtask generate` writes them to `shared/domain/schemas/`.

use schemars::{Schema, schema_for};

/// Every stored format with the name of its schema file (without `.json`).
pub fn all() -> Vec<(&'static str, Schema)> {
    vec![
        ("alias", schema_for!(crate::request::Alias)),
        ("attestation", schema_for!(crate::Attestation)),
        ("base", schema_for!(crate::BaseRecord)),
        ("drain_request", schema_for!(crate::control::DrainRequest)),
        ("log_part", schema_for!(crate::LogPart)),
        ("manifest", schema_for!(crate::Manifest)),
        ("nudge", schema_for!(crate::Nudge)),
        ("publication", schema_for!(crate::Publication)),
        ("ref", schema_for!(crate::Ref)),
        ("request", schema_for!(crate::Request)),
        ("toc", schema_for!(crate::Toc)),
        ("usage_record", schema_for!(crate::UsageRecord)),
        ("worker_status", schema_for!(crate::control::WorkerStatus)),
        ("wheel_layer", schema_for!(crate::layer::WheelLayer)),
    ]
}
