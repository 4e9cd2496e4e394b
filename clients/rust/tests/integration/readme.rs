//! The samples of the README: they are the programs in `examples`, to the letter, and print what is shown.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::scripted::{peer, problem, Step};
use crate::support::variable;

/// Each sample of the README: the program, and what it prints.
fn samples() -> Vec<(String, String)> {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let blocks: Vec<(&str, &str)> = readme.split("```").skip(1).step_by(2).filter_map(|b| b.split_once('\n')).collect();
    let printed = |pair: &[(&str, &str)]| {
        let ((language, program), (output_language, output)) = (pair[0], pair[1]);
        (language == "rust" && output_language == "text").then(|| (program.to_owned(), output.to_owned()))
    };
    let programs = blocks.iter().filter(|(language, _)| *language == "rust").count();
    let samples: Vec<_> = blocks.windows(2).filter_map(printed).collect();
    assert_eq!(samples.len(), programs, "a sample without its output");
    samples
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The example that has this text, as Cargo has built it.
fn example(program: &str) -> PathBuf {
    let files = fs::read_dir(root().join("examples")).unwrap().map(|file| file.unwrap().path());
    let file = files.into_iter().find(|path| fs::read_to_string(path).unwrap() == program);
    let file = file.unwrap_or_else(|| panic!("no example is this sample:\n{program}"));
    built(file.file_stem().unwrap().to_str().unwrap())
}

/// The program of an example.
fn built(name: &str) -> PathBuf {
    let examples = env::current_exe().unwrap().with_file_name("").join("../examples");
    examples.join(name).with_extension(env::consts::EXE_EXTENSION)
}

#[test]
fn samples_print_what_is_shown() {
    let samples = samples();
    assert!(samples.len() >= 3);
    for (program, expected) in samples {
        let mut command = Command::new(example(&program));
        command.env("RNNLOSS_URL", variable("RNNLOSS_TEST_URL"));
        // Nobody is there: a proxy of the environment must not be asked.
        for name in ["http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"] {
            command.env(name, variable("RNNLOSS_TEST_CLOSED"));
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "printed by:\n{program}");
    }
}

#[test]
fn every_example_is_a_sample() {
    let examples = fs::read_dir(root().join("examples")).unwrap().count();
    assert_eq!(examples, samples().len());
}

#[test]
fn the_environment_is_heard() {
    let peer = peer(vec![Step::Answer(problem(500, "#internal"))]);
    let endpoints = format!("{}, {}", variable("RNNLOSS_TEST_CLOSED"), peer.url);
    let mut command = Command::new(built("loss"));
    let output = command.env("RNNLOSS_URL", endpoints).env("RNNLOSS_TOKEN", "of-the-environment").output().unwrap();
    assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains("internal"));
    let head = peer.heads.recv().unwrap();
    assert!(head.contains("authorization: Bearer of-the-environment"), "{head}");
}
