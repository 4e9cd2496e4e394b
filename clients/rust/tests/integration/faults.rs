//! What becomes of a call when connections break, and daemons are busy: faults.py makes it so, to order.

use std::time::{Duration, Instant};

use rnnloss::{Client, ClientBuilder, Error, Problem, Request};
use serde_json::Value;

use crate::scripted::{peer, problem, Step};
use crate::support::{client, rates, unique, variable};

fn faults() -> ClientBuilder {
    Client::builder().endpoint(variable("RNNLOSS_TEST_FAULTS"))
}

/// How often a request came with this id, and by how many connections.
fn attempts(id: &str) -> (u64, u64) {
    let client = faults().build().unwrap();
    let answer = client.request(&Request::get(format!("/attempts/{id}"))).unwrap();
    let counts: Value = serde_json::from_slice(answer.bytes()).unwrap();
    (counts["attempts"].as_u64().unwrap(), counts["connections"].as_u64().unwrap())
}

/// A call with a fault: what it gave, how long it took, and how often it was tried.
fn met(builder: ClientBuilder, fault: &str) -> (Result<f64, Error>, Duration, u64) {
    let (client, id) = (builder.build().unwrap(), unique(fault));
    let began = Instant::now();
    let loss = client.loss(&rates().request_id(&id)).map(|loss| loss.loss);
    (loss, began.elapsed(), attempts(&id).0)
}

#[test]
fn broken_connections_are_tried_again() {
    for fault in ["reset-2", "close-2", "cut-2", "refuse-2"] {
        let (loss, _, attempts) = met(faults(), fault);
        assert_eq!((loss.unwrap(), attempts), (7.5, 3), "{fault}");
    }
}

#[test]
fn but_not_forever() {
    for fault in ["reset-9", "close-9", "cut-9", "refuse-9"] {
        let (loss, took, attempts) = met(faults(), fault);
        let error = loss.unwrap_err();
        assert_eq!((error.kind(), error.status(), attempts), (Error::UNREACHABLE, 0, 4), "{fault}: {error}");
        assert!(took < Duration::from_secs(5), "{fault}: {took:?}");
        assert!(error.request_id().starts_with(fault));
    }
    let (loss, _, attempts) = met(faults().retries(1), "close-9");
    assert_eq!((loss.unwrap_err().kind(), attempts), (Error::UNREACHABLE, 2));
}

#[test]
fn busy_daemons_are_left_alone_for_as_long_as_they_say() {
    for fault in ["busy-1", "down-1"] {
        let (loss, took, attempts) = met(faults(), fault);
        assert_eq!((loss.unwrap(), attempts), (7.5, 2), "{fault}");
        assert!(took >= Duration::from_secs(1), "{fault}: {took:?}");
    }
    let (loss, took, attempts) = met(faults(), "draining-1");
    assert_eq!((loss.unwrap(), attempts), (7.5, 2));
    assert!(took < Duration::from_secs(1), "{took:?}");
}

#[test]
fn the_last_problem_is_the_error() {
    let (loss, took, attempts) = met(faults().retries(1), "busy-9");
    let error = loss.unwrap_err();
    assert_eq!((error.kind(), error.status(), attempts), ("rate-limited", 429, 2));
    assert_eq!((error.title(), error.detail(), error.pointer()), ("made to order", "as the test wished", ""));
    assert!(error.request_id().starts_with("busy-9-"));
    assert!(took >= Duration::from_secs(1), "{took:?}");
}

#[test]
fn a_wait_that_outlasts_the_timeout_is_not_begun() {
    let (loss, took, attempts) = met(faults(), "later-9");
    assert_eq!((loss.unwrap_err().kind(), attempts), ("overloaded", 1));
    assert!(took < Duration::from_secs(2), "{took:?}");
    let (loss, took, attempts) = met(faults().timeout(Duration::from_millis(1600)), "down-9");
    assert_eq!((loss.unwrap_err().kind(), attempts), ("overloaded", 2));
    assert!(took < Duration::from_millis(1600), "{took:?}");
}

#[test]
fn no_other_answer_is_tried_again() {
    for (fault, status, beginning) in [("page-1", 502, "<html><h1>Bad Gateway"), ("wrong-1", 200, "hello")] {
        let (loss, _, attempts) = met(faults(), fault);
        let error = loss.unwrap_err();
        assert_eq!((error.kind(), error.status(), attempts), (Error::UNEXPECTED_ANSWER, status, 1), "{fault}");
        assert!(error.detail().contains(beginning), "{}", error.detail());
    }
    let id = unique("plain");
    let refused = Problem::new().lambda("lambda_fr", 1.0).request_id(&id);
    let error = faults().build().unwrap().loss(&refused).unwrap_err();
    assert_eq!((error.kind(), error.status(), attempts(&id).0), ("missing-tensor", 422, 1));
}

#[test]
fn the_time_of_a_call_ends_it() {
    let (loss, took, attempts) = met(faults().timeout(Duration::from_millis(800)), "slow-9");
    let error = loss.unwrap_err();
    assert_eq!((error.kind(), error.status(), attempts), (Error::TIMEOUT, 0, 1));
    assert!(took >= Duration::from_millis(800) && took < Duration::from_secs(2), "{took:?}");
}

#[test]
fn connections_are_kept() {
    let (client, id) = (faults().build().unwrap(), unique("plain"));
    for _ in 0..5 {
        client.loss(&rates().request_id(&id)).unwrap();
        assert!(client.loss(&Problem::new().lambda("lambda_fr", 1.0).request_id(&id)).is_err());
    }
    assert_eq!(attempts(&id), (10, 1));
}

#[test]
fn a_connection_that_has_ended_is_replaced_without_a_word() {
    let client = faults().retries(0).build().unwrap();
    for _ in 0..5 {
        let id = unique("bye-1");
        assert_eq!(client.loss(&rates().request_id(&id)).unwrap().loss, 7.5);
        assert_eq!(attempts(&id).0, 1);
    }
}

#[test]
fn the_next_endpoint_is_tried_at_once_and_is_kept_to() {
    let (first, second) = (variable("RNNLOSS_TEST_FAULTS"), variable("RNNLOSS_TEST_URL"));
    let client = Client::builder().endpoints([first, second]).build().unwrap();
    let id = unique("busy-9");
    let began = Instant::now();
    assert_eq!(client.loss(&rates().request_id(&id)).unwrap().loss, 7.5);
    assert!(began.elapsed() < Duration::from_millis(900), "it waited, though there was another endpoint");
    assert_eq!(attempts(&id).0, 1);
    let id = unique("plain");
    client.loss(&rates().request_id(&id)).unwrap();
    assert_eq!(attempts(&id).0, 0, "the endpoint that answered last comes first");
}

#[test]
fn an_endpoint_that_only_asked_to_be_left_alone_is_not_kept_to() {
    let first = peer(vec![Step::Last(Vec::new()), Step::Last(problem(500, "#internal"))]);
    let client = Client::builder().endpoints([first.url, variable("RNNLOSS_TEST_FAULTS")]).retries(1).build().unwrap();
    assert_eq!(client.loss(&rates().request_id(unique("down-9"))).unwrap_err().kind(), "overloaded");
    assert_eq!(client.loss(&rates()).unwrap_err().kind(), "internal");
}

#[test]
fn a_closed_endpoint_does_no_harm() {
    let (closed, faults) = (variable("RNNLOSS_TEST_CLOSED"), variable("RNNLOSS_TEST_FAULTS"));
    let client = Client::builder().endpoints([&closed, &faults]).retries(1).build().unwrap();
    let id = unique("plain");
    assert_eq!(client.loss(&rates().request_id(&id)).unwrap().loss, 7.5);
    assert_eq!(attempts(&id).0, 1);
    let error = Client::builder().endpoint(&closed).build().unwrap().loss(&rates()).unwrap_err();
    assert_eq!((error.kind(), error.status()), (Error::UNREACHABLE, 0));
    assert!(error.detail().contains(&closed) && std::error::Error::source(&error).is_some());
}

#[test]
fn a_round_ends_with_a_wait() {
    let (faults, closed) = (variable("RNNLOSS_TEST_FAULTS"), variable("RNNLOSS_TEST_CLOSED"));
    let client = Client::builder().endpoints([faults, closed]).build().unwrap();
    let (began, id) = (Instant::now(), unique("busy-1"));
    assert_eq!(client.loss(&rates().request_id(&id)).unwrap().loss, 7.5);
    assert!(began.elapsed() >= Duration::from_secs(1), "it came back before it should");
    assert_eq!(attempts(&id).0, 2);
}

#[test]
fn health_is_told_of_each_endpoint() {
    let addresses = ["RNNLOSS_TEST_URL", "RNNLOSS_TEST_CLOSED", "RNNLOSS_TEST_UNIX"].map(variable);
    let health = Client::builder().endpoints(addresses.clone()).build().unwrap().health();
    let told: Vec<_> = health.iter().map(|(address, health)| (address.as_str(), health.to_string())).collect();
    let expected = ["ready", "unreachable", "ready"].map(str::to_owned);
    assert_eq!(told, addresses.iter().map(String::as_str).zip(expected).collect::<Vec<_>>());
}

#[test]
fn what_cannot_be_sent_is_said() {
    for request in [Request::get("/terms").request_id("a\nb"), Request::get("/a b")] {
        let error = client().request(&request).unwrap_err();
        assert_eq!((error.kind(), error.status()), (Error::INVALID_REQUEST, 0));
    }
    assert_eq!(client().request(&Request::get("version")).unwrap().status(), 200);
}
