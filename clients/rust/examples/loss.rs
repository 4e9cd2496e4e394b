use rnnloss::{Client, Gradients, Problem, Tensor};

fn main() -> Result<(), rnnloss::Error> {
    let client = Client::new()?; // of the daemon at RNNLOSS_URL, or at http://127.0.0.1:8080

    let pred = [0.1_f32, 0.9, 0.4, 0.6]; // batch 1, time 2, outputs 2
    let target = [0.0_f32, 1.0, 0.5, 0.5];
    let fr = [0.1_f64, 0.2, 0.3, 0.5, 0.3, 0.2, 0.1, 0.6]; // batch 1, time 2, neurons 4
    let problem = Problem::new()
        .lambda("lambda_mse", 1.0)
        .lambda("lambda_fr", 0.5)
        .lambda("lambda_fr_sd", 0.1)
        .tensor("pred", Tensor::new(&pred, &[1, 2, 2]))
        .tensor("target", Tensor::new(&target, &[1, 2, 2]))
        .tensor("fr", Tensor::new(&fr, &[1, 2, 4]))
        .gradients(Gradients::PerTerm);
    let loss = client.loss(&problem)?;

    println!("loss {}", loss.loss);
    for (name, term) in loss.terms.iter() {
        println!("{name}: {} times {} is {}", term.lambda, term.unweighted, term.loss);
    }
    let gradient: &[f32] = loss.gradients["pred"].as_f32().expect("pred is F32");
    println!("by pred {gradient:?}");
    let of_term = &loss.terms["fr"].gradients["fr"];
    println!("of fr alone {} {:?} {:?}", of_term.dtype(), of_term.shape(), &of_term.as_f64().expect("fr is F64")[..4]);
    Ok(())
}
