//! Tests runs of several machines in every report format.

use plimsoll_analysis::analyse_all;
use plimsoll_record::Recorded;
use plimsoll_record::run::Identity;
use reports::claims::Claims;
use reports::cost::Prices;
use reports::machines::Machines;

use crate::synthetic;

/// Four machines of two types, each a tenth slower than the one before.
fn four() -> Vec<Recorded> {
    let one = |at: u32| {
        let mut recorded = synthetic::small();
        let name = format!("n{}", at + 1);
        recorded.run.id = format!("run-{name}");
        if at == 3 {
            recorded.run.environment.cpus = 64;
        }
        recorded.run.environment.identity = Some(Identity {
            boot: Some(name.clone()),
            id: None,
            name,
        });
        let samples = recorded
            .trials
            .values_mut()
            .flat_map(|trial| &mut trial.samples);
        samples.for_each(|sample| sample.value += sample.value * u64::from(at) / 10);
        recorded
    };
    (0..4).map(one).collect()
}

#[test]
fn a_claim_says_on_how_many_machines_it_holds() {
    let runs = four();
    let (analysed, claims) = (analyse_all(&runs), Claims::published());
    let machines = Machines::of(&analysed, &claims).expect("four machines");
    let faas = machines.claims.iter().find(|one| one.id == "faas-100ms");
    let faas = faas.expect("it can be compared with these runs");
    assert_eq!(faas.verdicts.len(), 4);
    let holds = faas
        .verdicts
        .iter()
        .filter(|one| **one == reports::claims::Verdict::Holds)
        .count();
    assert!(
        faas.words(&machines.across)
            .starts_with(&format!("holds on {holds} of 4 machines"))
    );
}

#[test]
fn every_form_has_rows_over_machines_and_calls_unlike_ones_unlike() {
    let runs = four();
    let (analysed, claims) = (analyse_all(&runs), Claims::published());
    let markdown = reports::markdown(&analysed, &claims);
    let html = reports::html(&analysed, &claims, &Prices::example());
    let csv = reports::csv(&analysed);
    for (name, text) in [("Markdown", &markdown), ("HTML", &html)] {
        for words in [
            "Across machines",
            "3 of type A",
            "4 unlike",
            "of 4 machines",
            "range ",
        ] {
            assert!(text.contains(words), "{name} lacks {words:?}");
        }
    }
    crate::page::check("machines", &html, |document| {
        let regions = document
            .descendants()
            .filter(|n| n.attribute("role") == Some("region"));
        assert!(
            regions
                .clone()
                .all(|region| region.attribute("aria-label").is_some())
        );
        let named = regions.filter(|n| {
            n.attribute("aria-label")
                .is_some_and(|l| l.ends_with("across machines"))
        });
        assert!(named.count() > 0);
    });
    let unlike = csv.lines().filter(|line| line.contains(",unlike,"));
    let unlike: Vec<&str> = unlike.collect();
    assert!(!unlike.is_empty() && unlike.iter().all(|line| line.contains(",range,")));

    let json: serde_json::Value = serde_json::from_str(&reports::json(&analysed, &claims)).unwrap();
    let across = &json["across"];
    assert_eq!(across["machines"].as_array().unwrap().len(), 4);
    assert_eq!(across["types"].as_array().unwrap().len(), 2);
    for row in across["rows"].as_array().unwrap() {
        let pooled = row["pooled"].as_array().unwrap();
        let unlike = pooled.iter().filter(|one| one["machine_type"].is_null());
        assert!(unlike.into_iter().all(|one| one["ci95"].is_null()), "{row}");
    }
}

#[test]
fn one_machine_has_nothing_across_machines() {
    let runs = &four()[..1];
    let analysed = analyse_all(runs);
    let none = Claims::default();
    assert!(Machines::of(&analysed, &none).is_none());
    assert!(!reports::html(&analysed, &none, &Prices::example()).contains("Across machines"));
    assert!(!reports::json(&analysed, &none).contains("\"across\""));
}

#[test]
fn many_machines_get_no_column_each() {
    let mut runs = Vec::new();
    for round in 0..3 {
        for mut run in four() {
            let identity = run.run.environment.identity.as_mut().expect("it was set");
            identity.name = format!("{}-{round}", identity.name);
            identity.boot = Some(identity.name.clone());
            runs.push(run);
        }
    }
    let analysed = analyse_all(&runs);
    let none = Claims::default();
    let machines = Machines::of(&analysed, &none).expect("twelve machines");
    assert_eq!(
        (
            machines.across.fleet.machines.len(),
            machines.columns().len()
        ),
        (12, 0)
    );
    let text = reports::markdown(&analysed, &none);
    let lines = text
        .lines()
        .filter(|line| line.starts_with('|') && line.contains("of type"));
    for line in lines {
        assert_eq!(line.matches(" | ").count(), 7, "{line}");
    }
}
