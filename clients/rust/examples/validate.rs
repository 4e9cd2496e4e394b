use rnnloss::{Claims, Client, Dtype, Problem, Tensor};

fn main() -> Result<(), rnnloss::Error> {
    let fr = [0.1_f32, 0.2, 0.3, 0.5, 0.3, 0.2, 0.1, 0.6];
    let problem = Problem::new().lambda("lambda_fr_sd", 0.1).tensor("fr", Tensor::new(&fr, &[1, 2, 4]));
    let claims = Claims::new().term("fr_sd", 0.0175).tolerance_dtype(Dtype::F32);

    let client = Client::new()?;
    let report = client.validate(&problem, &claims)?;
    println!("valid: {:?}", report.valid);
    for (path, claim) in report.claims.iter() {
        println!("{path}: {:?}", claim.verdict);
        for diagnosis in &claim.diagnosis {
            println!("{}: {}\n{}", diagnosis.id, diagnosis.title, diagnosis.fix);
        }
    }
    println!("\n{}", client.validate_text(&problem, &claims)?.trim_end());
    Ok(())
}
