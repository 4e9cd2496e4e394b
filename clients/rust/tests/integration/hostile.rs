//! Answers that no rnnlossd gives, and the words of requests.

use std::time::Duration;

use rnnloss::{Client, Encoding, Error, Health, Loss, Request};

use crate::scripted::{http, peer, problem, Step};
use crate::support::rates;

const SAFETENSORS: &str = "application/vnd.safetensors";

fn client(steps: Vec<Step>) -> Client {
    let settings = Client::builder().endpoint(peer(steps).url).retries(0).timeout(Duration::from_secs(5));
    settings.token("t").build().unwrap()
}

/// What a client makes of one answer.
fn told(encoding: Encoding, answer: Vec<u8>) -> Result<Loss, Error> {
    client(vec![Step::Last(answer)]).loss(&rates().encoding(encoding))
}

fn file(header: &str, data: &[u8]) -> Vec<u8> {
    let length = (header.len() as u64).to_le_bytes();
    [&length[..], header.as_bytes(), data].concat()
}

fn header(gradient: &str) -> String {
    let metadata = r#""__metadata__":{"contract":"1","unused":"","warnings":""}"#;
    format!(r#"{{{metadata},"loss":{{"dtype":"F64","shape":[],"data_offsets":[0,8]}}{gradient}}}"#)
}

#[test]
fn broken_safetensors_are_unexpected() {
    let gradient = |name: &str, shape: &str, end: usize| {
        header(&format!(r#","{name}":{{"dtype":"F32","shape":{shape},"data_offsets":[8,{end}]}}"#))
    };
    let good = http(200, SAFETENSORS, file(&gradient("gradients.fr", "[1,1,4]", 24), &[0; 24]));
    assert_eq!(told(Encoding::Safetensors, good).unwrap().gradients["fr"].as_f32().unwrap(), [0.0; 4]);
    let page = http(200, "text/html", file(&gradient("gradients.fr", "[1,1,4]", 24), &[0; 24]));
    assert_eq!(told(Encoding::Safetensors, page).unwrap_err().kind(), Error::UNEXPECTED_ANSWER);
    for body in [
        Vec::new(),
        b"\xff\xff\xff\xff\xff\xff\xff\x7f".to_vec(),
        file("{}", &[]),
        file(&header(""), &[0; 7]),
        file(&header(""), &[0; 9]),
        file(&gradient("gradients.fr", "[4]", 24), &[0; 24]), // not the shape that was sent
        file(&gradient("gradients.pred", "[1,1,4]", 24), &[0; 24]), // not sent at all
        file(&gradient("gradients.fr", "[1,1,4]", 1 << 40), &[0; 24]),
        file(&gradient("gradients.fr", "[1,1,2]", 16), &[0; 16]),
    ] {
        let error = told(Encoding::Safetensors, http(200, SAFETENSORS, &body)).unwrap_err();
        assert_eq!((error.kind(), error.status()), (Error::UNEXPECTED_ANSWER, 200), "{body:?}");
    }
}

#[test]
fn broken_json_is_unexpected() {
    let with = |gradient: &str| {
        format!(r#"{{"loss":1.0,"terms":{{}},"unused":[],"warnings":[],"contract":1,"gradients":{{"fr":{gradient}}}}}"#)
    };
    let good = with(r#"{"dtype":"F32","shape":[1,1,4],"data":[1,-2.5,"NaN","-Infinity"],"new":0}"#);
    let loss = told(Encoding::Json, http(200, "application/json; charset=utf-8", good)).unwrap();
    assert_eq!(loss.gradients["fr"].to_f64()[1..2], [-2.5]);
    for body in [
        String::new(),
        "{".to_owned(),
        "{}".to_owned(),
        "[".repeat(1 << 20),
        with(r#"{"dtype":"F32","shape":[1,1,4],"data":[1,2,3]}"#),
        with(r#"{"dtype":"F32","shape":[1,1,3],"data":[1,2,3]}"#),
        with(r#"{"dtype":"F64","shape":[1,1,4],"data":[1,2,3,4]}"#),
        with(r#"{"dtype":"F32","shape":[4294967296,4294967296],"data":[]}"#),
        with(r#"{"dtype":"F32","shape":[1,1,4],"data":[1,2,3,"4"]}"#),
        with(r#"{"dtype":"F32","shape":[1,1,4],"data":[1,2,3,null]}"#),
        with("[[[1,2,3,4]]]"),
    ] {
        let error = told(Encoding::Json, http(200, "application/json", &body)).unwrap_err();
        assert_eq!((error.kind(), error.status()), (Error::UNEXPECTED_ANSWER, 200), "{body:.200}");
        assert!(error.detail().len() < 1000);
    }
}

#[test]
fn other_answers_are_unexpected() {
    let problem_of_another = problem(422, "about:blank");
    for (status, answer) in [
        (200, http(200, "text/html", "<html>")),
        (200, http(200, "application/json", "{}")), // not the encoding that was asked for
        (301, b"HTTP/1.1 301 Moved\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n".to_vec()),
        (404, http(404, "text/plain", "none")),
        (422, problem_of_another),
        (422, http(422, "application/problem+json", "{}")),
        (500, http(500, "application/problem+json", b"\xff\xfe")),
        (503, http(503, "text/html", "<html>")),
        (0, b"SSH-2.0-OpenSSH\r\n\r\n".to_vec()),
        (0, b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n".to_vec()),
        (0, [b"HTTP/1.1 200 OK\r\nA: ".to_vec(), vec![b'a'; 1 << 20]].concat()),
    ] {
        let beginning = String::from_utf8_lossy(&answer[..answer.len().min(60)]).into_owned();
        let error = told(Encoding::Safetensors, answer).unwrap_err();
        assert_eq!((error.kind(), error.status()), (Error::UNEXPECTED_ANSWER, status), "{beginning}: {error:?}");
    }
}

#[test]
fn an_answer_that_never_comes_is_no_answer() {
    let promised = format!("HTTP/1.1 200 OK\r\nContent-Type: {SAFETENSORS}\r\nContent-Length: {}\r\n\r\n", u64::MAX);
    for answer in [promised.into_bytes(), b"HTTP/1.1 200".to_vec(), Vec::new()] {
        let error = told(Encoding::Safetensors, answer).unwrap_err();
        assert_eq!((error.kind(), error.status()), (Error::UNREACHABLE, 0), "{error:?}");
    }
}

#[test]
fn a_proxys_503_is_tried_again() {
    let peer = peer(vec![Step::Answer(http(503, "text/html", "<html>")), Step::Answer(problem(500, "#internal"))]);
    let error = Client::builder().endpoint(peer.url).build().unwrap().version().unwrap_err();
    assert_eq!((error.kind(), error.status(), error.request_id()), ("internal", 500, "r"));
}

#[test]
fn an_early_answer_is_heard() {
    let body = vec![0; 1 << 24];
    let client = client(vec![Step::Early(problem(413, "#too-large"))]);
    let error = client.request(&Request::post("/loss", &body)).unwrap_err();
    assert_eq!((error.kind(), error.status()), ("too-large", 413), "{error:?}");
}

#[test]
fn a_kept_connection_that_ends_under_a_request_costs_no_attempt() {
    let ready = || http(200, "application/json", r#"{"contract":1,"status":"ready"}"#);
    let peer = peer(vec![Step::Answer(ready()), Step::Last(Vec::new()), Step::Answer(ready())]);
    let client = Client::builder().endpoint(peer.url).retries(0).build().unwrap();
    for _ in 0..2 {
        client.request(&Request::get("/readyz").request_id("same")).unwrap();
    }
    let heads: Vec<_> = peer.heads.iter().take(3).collect();
    assert!(heads.iter().all(|head| head.contains("x-request-id: same")), "{heads:?}");
}

#[test]
fn health_tells_states_apart() {
    let asked = |answer| client(vec![Step::Last(answer)]).health()[0].1;
    assert_eq!(asked(problem(503, "#draining")), Health::Draining);
    assert_eq!(asked(problem(503, "#not-ready")), Health::NotReady);
    assert_eq!(asked(problem(404, "#not-found")), Health::Unreachable);
    assert_eq!(asked(http(200, "text/html", "ready")), Health::Unreachable);
    assert_eq!(asked(Vec::new()), Health::Unreachable);
}

#[test]
fn a_request_says_who_asks_and_what() {
    let peer = peer(vec![Step::Answer(problem(500, "#internal")), Step::Answer(problem(500, "#internal"))]);
    let client = Client::builder().endpoint(peer.url).token("secret").build().unwrap();
    assert!(client.loss(&rates()).is_err() && client.terms().is_err());
    let (post, get) = (peer.heads.recv().unwrap().to_lowercase(), peer.heads.recv().unwrap().to_lowercase());
    for line in [
        "post /loss http/1.1",
        "user-agent: rnnloss-rust/0.1.0",
        "authorization: bearer secret",
        "content-type: application/vnd.safetensors",
        "accept: application/vnd.safetensors",
        "content-length: ",
        "x-request-id: ",
    ] {
        assert!(post.lines().any(|found| found.starts_with(line)), "{line} in {post}");
    }
    assert!(get.starts_with("get /terms http/1.1") && !get.contains("content-"), "{get}");
    assert!(!post.contains("transfer-encoding") && !post.contains("accept-encoding"), "{post}");
}
