use std::time::Duration;

use rnnloss::Client;

fn main() -> Result<(), rnnloss::Error> {
    let client = Client::builder()
        .endpoints(["unix:/run/rnnlossd/socket", "https://losses.example:8443"]) // the next one where one fails
        .token("a secret") // or RNNLOSS_TOKEN
        .timeout(Duration::from_secs(2)) // of a call as a whole; by default 60 s
        .connect_timeout(Duration::from_secs(1)) // by default 5 s
        .retries(1) // by default 3
        .build()?;
    for (address, health) in client.health() {
        println!("{address}: {health}");
    }
    Ok(())
}
