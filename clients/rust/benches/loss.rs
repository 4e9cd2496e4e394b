//! The time of a POST of 26 MB with gradient, as one line of JSON.

use std::env;
use std::hint::black_box;
use std::time::Instant;

use rnnloss::{Client, Problem, Tensor};

const SHAPE: [usize; 3] = [64, 100, 1024];
const WARM_UPS: usize = 3;
const CALLS: usize = 25;

fn main() -> Result<(), rnnloss::Error> {
    let url = env::var("RNNLOSS_TEST_URL").expect("RNNLOSS_TEST_URL is set by tests/clients/run --bench");
    let client = Client::builder().endpoint(url).build()?;
    let count: usize = SHAPE.iter().product();
    let fr: Vec<f32> = (0..count).map(|i| (i % 1000) as f32 / 1000.0).collect();
    let problem = Problem::new()
        .lambda("lambda_fr", 0.5)
        .lambda("lambda_fr_sd", 0.1)
        .lambda("lambda_fr_cv", 0.05)
        .tensor("fr", Tensor::new(&fr, &SHAPE));
    let mut seconds = Vec::new();
    for call in 0..WARM_UPS + CALLS {
        let began = Instant::now();
        let loss = client.loss(&problem)?;
        let gradient = loss.gradients["fr"].as_f32().expect("fr is F32");
        black_box((gradient[0], gradient[count - 1]));
        if call >= WARM_UPS {
            seconds.push(began.elapsed().as_secs_f64());
        }
    }
    seconds.sort_by(f64::total_cmp);
    println!("{{\"seconds\": {}}}", seconds[CALLS / 2]);
    Ok(())
}
