use rnnloss::{Client, Error, Problem, Tensor};

fn main() -> Result<(), Error> {
    let (pred, target) = ([1.0_f32, 2.0], [1.0_f32, 2.0, 3.0]);
    let problem = Problem::new()
        .lambda("lambda_mse", 1.0)
        .tensor("pred", Tensor::new(&pred, &[1, 2]))
        .tensor("target", Tensor::new(&target, &[1, 3]));
    match Client::new()?.loss(&problem) {
        Ok(loss) => println!("{}", loss.loss),
        Err(error) if error.kind() == Error::TIMEOUT => println!("too slow, request {}", error.request_id()),
        Err(error) => println!("{} at {}: {}", error.kind(), error.pointer(), error.detail()),
    }
    Ok(())
}
