//! Each call, and each option of it.

use std::thread;

use half::{bf16, f16};
use rnnloss::{Claims, Client, Dtype, Encoding, Gradients, Nonfinite, Problem, Request, Tensor, Verdict};

use crate::support::{builder, client, rates, unique, RATES};

const BOTH: [Encoding; 2] = [Encoding::Safetensors, Encoding::Json];

#[test]
fn terms_have_gradients_of_their_own() {
    for encoding in BOTH {
        let problem = rates().lambda("lambda_fr_sd", 0.5).gradients(Gradients::PerTerm).encoding(encoding);
        let loss = client().loss(&problem).unwrap();
        assert_eq!(loss.terms.names().collect::<Vec<_>>(), ["fr", "fr_sd"]);
        assert_eq!(loss.terms["fr"].gradients["fr"].as_f32().unwrap(), [0.5, 1.0, 1.5, 2.0]);
        assert_eq!(loss.terms["fr_sd"].gradients["fr"].shape(), [1, 1, 4]);
        assert_ne!(loss.gradients["fr"].as_f32(), loss.terms["fr"].gradients["fr"].as_f32());
        assert!(loss.gradients["fr"].as_f64().is_none());
    }
}

#[test]
fn gradients_can_be_chosen() {
    let (pred, target) = ([1.0_f64, 2.0], [0.0_f64, 2.0]);
    for encoding in BOTH {
        let problem = Problem::new()
            .lambda("lambda_mse", 1.0)
            .tensor("pred", Tensor::new(&pred, &[1, 2]))
            .tensor("target", Tensor::new(&target, &[1, 2]))
            .encoding(encoding);
        let asked = |problem: &Problem| {
            let loss = client().loss(problem).unwrap();
            loss.gradients.names().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(asked(&problem), ["pred"]);
        assert_eq!(asked(&problem.clone().wrt(["target"])), ["target"]);
        assert!(asked(&problem.clone().wrt([""; 0])).is_empty());
        assert!(asked(&problem.clone().gradients(Gradients::None)).is_empty());
        let single = client().loss(&problem.clone().gradient_dtype(Dtype::F32)).unwrap();
        assert_eq!(single.gradients["pred"].as_f32().unwrap(), [1.0, 0.0]);
    }
}

#[test]
fn every_dtype_comes_back() {
    let halves = RATES.map(f16::from_f32);
    let brains = RATES.map(bf16::from_f32);
    let doubles = RATES.map(f64::from);
    for encoding in BOTH {
        let gradient = |fr: Tensor| {
            let problem = Problem::new().lambda("lambda_fr", 1.0).tensor("fr", fr).encoding(encoding);
            client().loss(&problem).unwrap().gradients["fr"].clone()
        };
        let expected = [0.5, 1.0, 1.5, 2.0];
        assert_eq!(gradient(Tensor::new(&halves, &[4])).as_f16().unwrap(), expected.map(f16::from_f64));
        assert_eq!(gradient(Tensor::new(&brains, &[4])).as_bf16().unwrap(), expected.map(bf16::from_f64));
        assert_eq!(gradient(Tensor::new(&RATES, &[4])).as_f32().unwrap(), expected.map(|value| value as f32));
        assert_eq!(gradient(Tensor::new(&doubles, &[4])).as_f64().unwrap(), expected);
    }
}

#[test]
fn inputs_have_a_digest_if_it_is_asked_for() {
    let digest = |problem: Problem| client().loss(&problem).unwrap().inputs_sha256;
    let [file, json] = BOTH.map(|encoding| digest(rates().digest().encoding(encoding)));
    assert_eq!(file.as_ref().map(String::len), Some(64));
    assert_eq!(file, json);
    assert_eq!(digest(rates()), None);
}

#[test]
fn what_is_not_finite_is_refused_or_goes_on() {
    let pred = [f32::NAN, 2.0, f32::NEG_INFINITY];
    for encoding in BOTH {
        let problem = Problem::new()
            .lambda("lambda_fr", 1.0)
            .tensor("fr", Tensor::new(&pred, &[3]))
            .nonfinite(Nonfinite::Propagate)
            .encoding(encoding);
        let loss = client().loss(&problem).unwrap();
        assert!(loss.loss.is_nan() && loss.terms["fr"].unweighted.is_nan());
        let gradient = loss.gradients["fr"].as_f32().unwrap();
        assert_eq!(gradient[0].to_bits(), 0x7fc0_0000);
        assert_eq!(gradient[2], f32::NEG_INFINITY);
    }
    let problem = Problem::new().lambda("lambda_fr", 1.0).tensor("fr", Tensor::new(&pred, &[3]));
    let error = client().loss(&problem.nonfinite(Nonfinite::Error)).unwrap_err();
    assert_eq!((error.kind(), error.pointer()), ("non-finite", "/tensors/fr"));
}

#[test]
fn errors_say_where() {
    let target = [1.0_f32, 2.0, 3.0];
    for encoding in BOTH {
        let id = unique("errors");
        let problem = Problem::new()
            .lambda("lambda_mse", 1.0)
            .tensor("pred", Tensor::new(&RATES, &[1, 4]))
            .tensor("target", Tensor::new(&target, &[1, 3]))
            .encoding(encoding)
            .request_id(&id);
        let error = client().loss(&problem).unwrap_err();
        assert_eq!((error.kind(), error.status(), error.pointer()), ("shape-mismatch", 422, "/tensors/target/shape"));
        assert_eq!((error.title(), error.request_id()), ("Shapes disagree", &*id));
        assert!(error.to_string().contains("[1, 3]"), "{error}");
    }
}

#[test]
fn clients_send_what_they_are_given() {
    let kind =
        |problem: Problem| BOTH.map(|e| client().loss(&problem.clone().encoding(e)).unwrap_err().kind().to_owned());
    assert_eq!(kind(rates().lambda("lambda_fr_vc", 1.0)), ["unknown-lambda"; 2]);
    assert_eq!(kind(rates().lambda("lambda_in", -1.0)), ["invalid-lambda"; 2]);
    assert_eq!(kind(rates().lambda("lambda_in", f64::NAN)), ["invalid-lambda"; 2]);
    assert_eq!(kind(rates().lambda("lambda_fr", 1.0)), ["duplicate"; 2]);
    assert_eq!(kind(rates().tensor("state", Tensor::new(&RATES, &[4]))), ["unknown-tensor"; 2]);
    assert_eq!(kind(rates().contract(2)), ["unknown-contract"; 2]);
    assert_eq!(kind(rates().wrt(["a\"b"])), ["invalid-request"; 2]);
    let short = Problem::new().lambda("lambda_fr", 1.0).tensor("fr", Tensor::new(&RATES, &[5]));
    assert_eq!(kind(short), ["malformed-safetensors", "invalid-data"]);
    assert_eq!(client().loss(&rates().contract(1)).unwrap().loss, 7.5);
}

#[test]
fn claims_are_judged_and_diagnosed() {
    let right = client().loss(&rates()).unwrap();
    for encoding in BOTH {
        let problem = rates().lambda("lambda_fr_sd", 1.0).gradients(Gradients::None).encoding(encoding);
        let sample = (5.0_f64 / 3.0).sqrt();
        let claims = Claims::new()
            .term("fr", 7.5)
            .unweighted("fr", 7.5)
            .term("fr_sd", sample)
            .term_gradient("fr", "fr", right.gradients["fr"].tensor())
            .rtol(1e-6)
            .atol(0.0);
        let report = client().validate(&problem, &claims).unwrap();
        assert_eq!((report.valid, report.contract, report.inputs_sha256.len()), (Some(false), 1, 64));
        assert_eq!((report.tolerance.rtol, report.tolerance.source.as_deref()), (Some(1e-6), Some("request")));
        for path in ["terms.fr.loss", "terms.fr.unweighted", "terms.fr.gradients.fr"] {
            assert_eq!(report.claims[path].verdict, Verdict::Pass, "{path}");
        }
        let failed = &report.claims["terms.fr_sd.loss"];
        assert_eq!((failed.verdict, failed.claimed, failed.mismatched), (Verdict::Fail, Some(sample), 1));
        assert_eq!(failed.canonical.unwrap().to_bits(), 1.25_f64.sqrt().to_bits());
        assert_eq!(failed.diagnosis[0].id, "sample-sd");
        assert!(failed.diagnosis[0].fix.contains("unbiased=False"));
        let gradient = &report.claims["terms.fr.gradients.fr"];
        assert_eq!((gradient.elements, gradient.scale, gradient.cosine), (4, Some(1.0), Some(1.0)));
    }
}

#[test]
fn tolerances_and_verdicts_of_every_kind() {
    let wrong = [0.5_f32, 1.0, 1.5, f32::NAN];
    for encoding in BOTH {
        let problem = rates().encoding(encoding);
        let claims = Claims::new()
            .loss(7.5)
            .gradient("fr", Tensor::new(&wrong, &[1, 1, 4]))
            .ulps(2.0)
            .tolerance_dtype(Dtype::F32);
        let report = client().validate(&problem, &claims).unwrap();
        assert_eq!((report.tolerance.ulps, report.tolerance.dtype), (Some(2.0), Dtype::F32));
        let gradient = &report.claims["gradients.fr"];
        assert_eq!(
            (gradient.nonfinite, gradient.first_mismatch.as_ref().unwrap().index.as_slice()),
            (1, &[0, 0, 3][..])
        );
        let nothing =
            Problem::new().lambda("lambda_fr", 1.0).tensor("fr", Tensor::new(&[0.001_f64], &[1])).encoding(encoding);
        let report = client().validate(&nothing, &Claims::new().loss(0.0).tolerance_dtype(Dtype::F32)).unwrap();
        assert_eq!((report.valid, report.claims["loss"].verdict), (None, Verdict::Inconclusive));
        assert_eq!(client().validate(&problem, &Claims::new()).unwrap_err().kind(), "invalid-claim");
    }
}

#[test]
fn the_report_is_text_too() {
    let text = client().validate_text(&rates(), &Claims::new().loss(7.0)).unwrap();
    assert!(text.starts_with("not valid\ntolerance: "), "{text}");
    let error = client().validate_text(&rates(), &Claims::new()).unwrap_err();
    assert_eq!(error.kind(), "invalid-claim");
}

#[test]
fn the_daemon_tells_of_itself() {
    let client = client();
    let catalogue = client.terms().unwrap();
    let names: Vec<_> = catalogue.terms.iter().map(|term| term.name.as_str()).collect();
    assert_eq!(names, ["mse", "in", "hid", "out", "fr", "fr_sd", "fr_cv"]);
    assert_eq!(catalogue.terms[0].tensors, ["pred", "target"]);
    assert!(
        catalogue.terms[6].formula.latex.contains("\\sigma") && catalogue.terms[6].gradient.mathml.contains("<math")
    );
    let version = client.version().unwrap();
    assert_eq!((version.contract, version.version.as_str()), (1, "0.1.0"));
    assert!(version.limits["max_body"].is_u64());
    let vectors = client.vectors().unwrap();
    assert_eq!(vectors.sha256, version.vectors_sha256);
    assert_eq!(client.vector("no/such vector").unwrap_err().kind(), "not-found");
}

#[test]
fn bytes_go_as_they_are() {
    let body = br#"{"lambdas": {"lambda_mse": 1.0}, "tensors": {"pred": [0.5], "target": [1.0]}}"#;
    let request = Request::post("/loss?gradients=none", body).content_type("application/json");
    let id = unique("bytes");
    let answer = client().request(&request.clone().request_id(&id)).unwrap();
    assert_eq!((answer.status(), answer.content_type(), answer.request_id()), (200, "application/json", &*id));
    assert!(answer.bytes().starts_with(b"{\"loss\":0.25,"));
    let file = client().request(&request.accept("application/vnd.safetensors")).unwrap();
    assert_eq!(file.content_type(), "application/vnd.safetensors");
}

#[test]
fn threads_share_a_client() {
    let client = client();
    thread::scope(|scope| {
        for i in 1..=8 {
            let client = &client;
            scope.spawn(move || ask_often(client, i as f32));
        }
    });
}

fn ask_often(client: &Client, rate: f32) {
    let fr = vec![rate; 4096];
    for _ in 0..20 {
        let problem = Problem::new().lambda("lambda_fr", 1.0).tensor("fr", Tensor::new(&fr, &[64, 64]));
        let loss = client.loss(&problem).unwrap();
        assert_eq!(loss.loss, f64::from(rate * rate));
        assert_eq!(loss.gradients["fr"].as_f32().unwrap(), vec![rate / 2048.0; 4096]);
    }
}

#[test]
fn gradients_outlive_their_answer() {
    let gradient = builder().build().unwrap().loss(&rates()).unwrap().gradients["fr"].clone();
    let seen = thread::spawn(move || gradient.to_f64()).join().unwrap();
    assert_eq!(seen, [0.5, 1.0, 1.5, 2.0]);
}
