//! TLS, tokens, client certificates, and unix sockets.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rnnloss::{Client, ClientBuilder, Error, Health, Problem, Tensor};

use crate::support::{rates, variable};

fn guarded() -> ClientBuilder {
    Client::builder().endpoint(variable("RNNLOSS_TEST_TLS_URL")).ca(variable("RNNLOSS_TEST_CA"))
}

fn shown(builder: ClientBuilder) -> ClientBuilder {
    builder.client_certificate(variable("RNNLOSS_TEST_CERT"), variable("RNNLOSS_TEST_KEY"))
}

#[test]
fn who_shows_all_is_let_in() {
    let client = shown(guarded()).token(variable("RNNLOSS_TEST_TOKEN")).build().unwrap();
    assert_eq!(client.loss(&rates()).unwrap().loss, 7.5);
    assert_eq!(client.loss(&rates()).unwrap().gradients["fr"].as_f32().unwrap(), [0.5, 1.0, 1.5, 2.0]);
    assert_eq!(client.health()[0].1, Health::Ready);
}

#[test]
fn without_a_token_it_is_unauthorized() {
    let error = shown(guarded()).build().unwrap().loss(&rates()).unwrap_err();
    assert_eq!((error.kind(), error.status()), ("unauthorized", 401));
    let error = shown(guarded()).token("wrong").build().unwrap().terms().unwrap_err();
    assert_eq!((error.kind(), error.status()), ("unauthorized", 401));
}

#[test]
fn without_a_certificate_it_is_forbidden() {
    let client = guarded().token(variable("RNNLOSS_TEST_TOKEN")).build().unwrap();
    let error = client.loss(&rates()).unwrap_err();
    assert_eq!((error.kind(), error.status()), ("forbidden", 403));
}

#[test]
fn a_large_request_hears_why_it_was_refused_before_its_end() {
    let fr = vec![0.5_f32; 64 * 100 * 1024];
    let problem = Problem::new().lambda("lambda_fr", 1.0).tensor("fr", Tensor::new(&fr, &[64, 100, 1024]));
    for _ in 0..5 {
        let error = shown(guarded()).retries(0).build().unwrap().loss(&problem).unwrap_err();
        assert_eq!((error.kind(), error.status()), ("unauthorized", 401), "{error:?}");
    }
}

#[test]
fn who_is_not_trusted_is_not_asked_again() {
    let began = Instant::now();
    for ca in [Some("RNNLOSS_TEST_CERT"), None] {
        let builder = Client::builder().endpoint(variable("RNNLOSS_TEST_TLS_URL")).retries(1000);
        let builder = if let Some(name) = ca { builder.ca(variable(name)) } else { builder };
        let client = builder.build().unwrap();
        let error = client.loss(&rates()).unwrap_err();
        assert_eq!((error.kind(), error.status()), (Error::UNREACHABLE, 0), "{error:?}");
        assert!(error.detail().contains("certificate"), "{error}");
        assert_eq!(client.health()[0].1, Health::Unreachable);
    }
    assert!(began.elapsed() < Duration::from_secs(5), "it was tried again");
}

#[test]
fn files_that_are_none_make_no_client() {
    let written = |name: &str, text: &str| {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let (cert, key, ca) = (variable("RNNLOSS_TEST_CERT"), variable("RNNLOSS_TEST_KEY"), variable("RNNLOSS_TEST_CA"));
    let other_key = PathBuf::from(&ca).with_file_name("daemon.key");
    for builder in [
        Client::builder().ca("/nonexistent"),
        Client::builder().ca(written("empty.pem", "")),
        Client::builder().ca(&key),
        Client::builder().client_certificate(&cert, &cert),
        Client::builder().client_certificate(&key, &key),
        Client::builder().client_certificate(&cert, written("text.pem", "no key")),
        Client::builder().client_certificate(&cert, other_key),
    ] {
        assert_eq!(builder.build().unwrap_err().kind(), Error::INVALID_SETTINGS);
    }
}

#[test]
fn a_peer_that_never_says_hello_ends_by_the_connect_timeout() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("https://{}", silent.local_addr().unwrap());
    let builder = Client::builder().endpoint(address).connect_timeout(Duration::from_millis(300)).retries(1);
    let began = Instant::now();
    let error = builder.build().unwrap().version().unwrap_err();
    assert_eq!((error.kind(), error.status()), (Error::UNREACHABLE, 0));
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(600) && took < Duration::from_secs(3), "{took:?}");
}

#[cfg(unix)]
#[test]
fn a_unix_socket_is_an_endpoint_like_others() {
    let client = Client::builder().endpoint(variable("RNNLOSS_TEST_UNIX")).build().unwrap();
    for _ in 0..3 {
        let loss = client.loss(&rates()).unwrap();
        assert_eq!(loss.gradients["fr"].as_f32().unwrap(), [0.5, 1.0, 1.5, 2.0]);
    }
    let fr = vec![0.5_f32; 1 << 20];
    let problem = Problem::new().lambda("lambda_fr", 1.0).tensor("fr", Tensor::new(&fr, &[1024, 1024]));
    assert_eq!(client.loss(&problem).unwrap().loss, 0.25);
    let error = Client::builder().endpoint("unix:/nonexistent/socket").retries(1).build().unwrap().terms().unwrap_err();
    assert_eq!((error.kind(), error.status()), (Error::UNREACHABLE, 0));
}

#[cfg(unix)]
#[test]
fn a_unix_socket_whose_queue_is_full_ends_by_the_connect_timeout() {
    use socket2::{Domain, SockAddr, Socket, Type};

    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("full");
    let _ = std::fs::remove_file(&path);
    let listener = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
    listener.bind(&SockAddr::unix(&path).unwrap()).unwrap();
    listener.listen(0).unwrap();
    let _first = std::os::unix::net::UnixStream::connect(&path).unwrap();
    let builder = Client::builder().endpoint(format!("unix:{}", path.display())).retries(0);
    let began = Instant::now();
    let error = builder.connect_timeout(Duration::from_millis(300)).build().unwrap().version().unwrap_err();
    assert_eq!((error.kind(), error.status()), (Error::UNREACHABLE, 0));
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(300) && took < Duration::from_secs(3), "{took:?}");
}
