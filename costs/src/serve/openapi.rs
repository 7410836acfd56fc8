//! The API's description, generated from the types that answer: `/openapi.json` and `docs/reference/costs-openapi.json`.

use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value, json};

use super::api::Parameters;
use super::intake::{Refusal, UsageAnswer, UsageRequest};
use crate::documents::live::{NowDocument, SeriesDocument, ZombiesDocument};
use crate::documents::{Costs, IdentityDocument};

/// The OpenAPI 3.0 document.
pub fn document() -> Value {
    let mut schemas = SchemaSettings::openapi3().into_generator();
    let query = query(&mut schemas);
    let get = |summary: &str, schema: &Value, query: &Value| {
        json!({"get": {
            "summary": summary, "parameters": query,
            "responses": {"200": answer("The answer", schema), "400": refusal("The question cannot be read"),
                "503": refusal("The database cannot be read")},
        }})
    };
    let none = json!([]);
    let usage = json!({"post": {
        "summary": "Live usage rows of an agent; gzip is accepted",
        "security": [{"bearer": []}],
        "requestBody": {"required": true, "content": {"application/json": {"schema": schemas.subschema_for::<UsageRequest>()}}},
        "responses": {"200": answer("Rows that are kept", schemas.subschema_for::<UsageAnswer>().as_value()),
            "400": refusal("The rows cannot be read or cannot be"), "401": refusal("The token is wrong"),
            "503": refusal("The rows could not be kept; send them again")},
    }});
    let mut of = |schema: fn(&mut SchemaGenerator) -> schemars::Schema| schema(&mut schemas).to_value();
    let paths = json!({
        "/v1/costs": get("Usage and cost of a window by something", &of(SchemaGenerator::subschema_for::<Costs>), &query),
        "/v1/series": get("Cost over time", &of(SchemaGenerator::subschema_for::<SeriesDocument>), &query),
        "/v1/identity": get("Does it add up, worker by worker?", &of(SchemaGenerator::subschema_for::<IdentityDocument>), &query),
        "/v1/zombies": get("Orphans and stuck tasks", &of(SchemaGenerator::subschema_for::<ZombiesDocument>), &none),
        "/v1/now": get("What runs now; today, this month", &of(SchemaGenerator::subschema_for::<NowDocument>), &none),
        "/v1/usage": usage,
    });
    schemas.subschema_for::<Refusal>();
    let components: Map<String, Value> = schemas.take_definitions(true);
    json!({
        "openapi": "3.0.3",
        "info": {"title": "updraft-costs", "version": "1",
            "description": "Money is decimal text in the currency that the document names. Times are Unix milliseconds, UTC."},
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}},
    })
}

/// The parameters of a question, one by one, from their type.
fn query(schemas: &mut SchemaGenerator) -> Value {
    let schema = schemas.root_schema_for::<Parameters>().to_value();
    let properties = schema["properties"].as_object().cloned().unwrap_or_default();
    let parameter = |(name, mut schema): (String, Value)| {
        let description = schema.as_object_mut().and_then(|schema| schema.remove("description"));
        json!({"name": name, "in": "query", "required": false, "description": description, "schema": schema})
    };
    properties.into_iter().map(parameter).collect()
}

fn answer(description: &str, schema: &Value) -> Value {
    json!({"description": description, "content": {"application/json": {"schema": schema}}})
}

fn refusal(description: &str) -> Value {
    answer(description, &json!({"$ref": "#/components/schemas/Refusal"}))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn the_committed_description_is_what_the_code_says() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/costs-openapi.json");
        let text = serde_json::to_string_pretty(&super::document()).unwrap() + "\n";
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &text).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == text,
            "not what the code says; run this test with UPDATE_GOLDEN=1 and commit the result"
        );
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = super::document();
        let text = document.to_string();
        for reference in text.split("\"#/components/schemas/").skip(1) {
            let name = reference.split('"').next().unwrap();
            assert!(!document["components"]["schemas"][name].is_null(), "{name}");
        }
        assert_eq!(document["paths"].as_object().unwrap().len(), 6);
    }
}
