//! `/v1/admin/namespaces`: what is declared, and declaring it.

use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use fanfare_protocol::{Code, Error};
use serde::Serialize;

use super::guard;
use crate::config::{Durability, Fault, Namespace};
use crate::gateway::app::body;
use crate::gateway::app::query::Query;
use crate::gateway::app::reply::{self, Reply, Worker};
use crate::log::Policy;
use crate::namespace::{Applied, Difference};

/// A namespace in JSON: forty times what one takes.
const BODY_BYTES_MAX: usize = 16 * 1024;

/// A namespace that is declared.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    /// The keys of a `[[namespace]]`: what can be sent back as it is.
    namespace: Namespace,
    /// Grows with each change of any namespace.
    version: u64,
    /// The durability that it will have once its topics have ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    moving_to: Option<&'static str>,
}

impl Item {
    fn of((policy, version): (&Policy, u64)) -> Self {
        let moving_to = policy.moving_to.map(Durability::as_str);
        Self { namespace: Namespace::of_policy(policy), version, moving_to }
    }
}

#[derive(Serialize)]
struct Items {
    items: Vec<Item>,
}

#[derive(Serialize)]
struct Outcome {
    #[serde(flatten)]
    item: Item,
    /// `created`, `changed` or `unchanged`.
    outcome: &'static str,
    differences: Vec<Difference>,
}

impl From<Applied> for Outcome {
    fn from(applied: Applied) -> Self {
        let outcome = match applied.differences.as_deref() {
            None => "created",
            Some([]) => "unchanged",
            Some(_) => "changed",
        };
        let item = Item::of((&applied.policy, applied.version));
        Self { item, outcome, differences: applied.differences.unwrap_or_default() }
    }
}

/// `GET …/namespaces`: all, in the order of their names; they are few enough for one answer.
pub(in crate::gateway::app) async fn list(Worker(hub): Worker, request: HttpRequest) -> Reply {
    guard::admit(&request)?;
    Query::parse(request.query_string())?.finish(&[])?;
    let declared = hub.node().namespaces.declared()?;
    worded(&mut HttpResponse::Ok(), &Items { items: declared.rows().map(Item::of).collect() })
}

/// `GET …/namespaces/{name}`.
pub(in crate::gateway::app) async fn get(Worker(hub): Worker, request: HttpRequest) -> Reply {
    guard::admit(&request)?;
    Query::parse(request.query_string())?.finish(&[])?;
    let name = request.match_info().query("name");
    let declared = hub.node().namespaces.declared()?;
    let Some(row) = declared.get(name) else {
        let name: String = name.chars().take(64).collect();
        let message = format!("the namespace `{name}` is not declared: its topics take the policy of `default`");
        return Err(Error::of(Code::NotFound).with_message(message).into());
    };
    worded(&mut HttpResponse::Ok(), &Item::of(row))
}

/// `PUT …/namespaces/{name}`: declares it or changes it; what the body leaves out takes its default.
pub(in crate::gateway::app) async fn put(Worker(hub): Worker, request: HttpRequest, payload: Payload) -> Reply {
    guard::admit(&request)?;
    guard::is_json(&request)?;
    Query::parse(request.query_string())?.finish(&[])?;
    let body = body::read(&request, payload, BODY_BYTES_MAX).await?;
    let namespace = namespace(request.match_info().query("name"), &body)?;
    let applied = hub.node().namespaces.apply(&namespace).await?;
    tracing::info!(namespace = namespace.name, version = applied.version, "a namespace was declared over HTTP");
    let mut response = if applied.differences.is_none() { HttpResponse::Created() } else { HttpResponse::Ok() };
    worded(&mut response, &Outcome::from(applied))
}

/// Reads a namespace, in the words of a configuration where something is wrong.
fn namespace(name: &str, body: &[u8]) -> Result<Namespace, Error> {
    let values: toml::Value = serde_json::from_slice(body).map_err(|error| {
        Error::malformed(format_args!("the body must be JSON, such as `{{\"kind\": \"state\"}}`: {error}"))
    })?;
    let toml::Value::Table(values) = values else { return Err(Error::malformed("the body is not an object")) };
    let namespace = Namespace::declared(name, &values)
        .map_err(|faults| faults.first().map_or_else(|| Error::of(Code::Internal), of_fault))?;
    if namespace.name != name {
        return Err(Error::bad_parameter("name", "is not the one that the path names"));
    }
    Ok(namespace)
}

fn of_fault(fault: &Fault) -> Error {
    let error = |code, key: &str| {
        let key = key.strip_prefix("namespace.").unwrap_or(key);
        Error::of(code).with_message(fault.to_string()).with_parameter(key)
    };
    match fault {
        Fault::UnknownKey { key, nearest } => {
            let error = error(Code::UnknownParameter, key);
            match nearest {
                Some(nearest) => error.with_nearest(nearest.strip_prefix("namespace.").unwrap_or(nearest)),
                None => error,
            }
        }
        Fault::Later { key, .. } => error(Code::NotSupported, key),
        Fault::WrongType { key, .. } | Fault::BadValue { key, .. } => error(Code::BadParameter, key),
        // Of files and variables.
        Fault::Syntax { .. }
        | Fault::OneUnderscore { .. }
        | Fault::NamelessNamespace
        | Fault::NamespaceVariable
        | Fault::Contradiction(_) => Error::malformed(fault),
    }
}

fn worded(response: &mut actix_web::HttpResponseBuilder, answer: &impl Serialize) -> Reply {
    let body = serde_json::to_vec(answer).map_err(|error| Error::of(Code::Internal).with_message(error.to_string()))?;
    Ok(reply::json(response, body))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::log::Kind;

    fn read(body: &Value) -> Result<Namespace, (Option<Code>, Option<String>)> {
        namespace("a", body.to_string().as_bytes()).map_err(|error| (error.known_code(), error.parameter))
    }

    #[test]
    fn what_is_listed_can_be_sent_back() {
        let namespace = Namespace { history_count: 5, ..Namespace::new("a", Kind::State) };
        assert_eq!(read(&serde_json::to_value(&namespace).unwrap()), Ok(namespace));
        assert_eq!(read(&json!({})), Ok(Namespace::new("a", Kind::Stream)));
    }

    #[test]
    fn what_no_namespace_has_is_refused_and_named() {
        let refused = |code: Code, parameter: &str| Err((Some(code), Some(parameter.to_owned())));
        assert_eq!(read(&json!({ "historycount": 3 })), refused(Code::UnknownParameter, "historycount"));
        assert_eq!(read(&json!({ "history_count": "many" })), refused(Code::BadParameter, "history_count"));
        assert_eq!(read(&json!({ "history_count": -1 })), refused(Code::BadParameter, "history_count"));
        assert_eq!(read(&json!({ "history_count": { "a": 1 } })), refused(Code::BadParameter, "history_count"));
        assert_eq!(read(&json!({ "kind": "steam" })), refused(Code::BadParameter, "kind"));
        assert_eq!(read(&json!({ "name": "b" })), refused(Code::BadParameter, "name"));
        assert_eq!(read(&json!({ "presence": true })), refused(Code::NotSupported, "presence"));
        for body in [json!([]), json!(null), json!({ "history_count": null }), json!({ "history_count": u64::MAX })] {
            assert_eq!(read(&body), Err((Some(Code::Malformed), None)), "{body}");
        }
        let twice = namespace("a", b"{\"topics_max\":1,\"topics_max\":2}").unwrap_err();
        assert_eq!(twice.known_code(), Some(Code::Malformed));
        let nearest = namespace("a", b"{\"topic_max\":1}").unwrap_err();
        assert_eq!(nearest.nearest.as_deref(), Some("topics_max"));
    }

    #[test]
    fn an_item_says_what_it_will_become() {
        let policy = Policy { moving_to: Some(Durability::Ephemeral), ..Policy::new("a", Kind::Stream) };
        let item = serde_json::to_value(Item::of((&policy, 7))).unwrap();
        assert_eq!((&item["version"], &item["movingTo"]), (&json!(7), &json!("ephemeral")));
        assert_eq!(item["namespace"]["durability"], "replicated");
        let policy = Policy::new("a", Kind::Stream);
        let applied = Applied { policy, version: 7, differences: Some(Vec::new()) };
        let outcome = serde_json::to_value(Outcome::from(applied)).unwrap();
        assert_eq!((&outcome["outcome"], &outcome["differences"]), (&json!("unchanged"), &json!([])));
        assert_eq!((&outcome["namespace"]["name"], outcome.get("movingTo")), (&json!("a"), None));
    }
}
