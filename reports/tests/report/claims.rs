//! Tests the verdicts on published claims: one per row of the table, by the rule, in fair words.

use plimsoll_analysis::analyse_all;
use plimsoll_record::Recorded;
use reports::claims::{Claims, Standing, Verdict, judge};

use crate::synthetic;

fn table(claims: &str) -> String {
    format!(
        "schema = \"plimsoll.claims/1\"\n[[source]]\nid = \"paper\"\ntitle = \"A paper\"\nyear = 2020\n{claims}"
    )
}

fn of(claims: &str) -> Claims {
    Claims::parse("test.toml", &table(claims)).expect("a table of claims")
}

/// A claim about the milliseconds that targets of a kind take at L3 on `hello`.
fn takes(kind: &str, range: &str) -> Claims {
    of(&format!(
        "[[claim]]\nid = \"it\"\ntitle = \"it\"\nsays = \"It takes so long.\"\nsource = \"paper\"\n{range}\nunit = \"ms\"\n\
         [[claim.measured]]\nview = \"from nothing\"\nsuite = \"coldstart\"\nof = {{ kind = \"{kind}\", boundary = \"L3\" }}"
    ))
}

/// A claim about the ratio of container to Wasm.
fn ratio(range: &str) -> Claims {
    of(&format!(
        "[[claim]]\nid = \"it\"\ntitle = \"it\"\nsays = \"So much longer.\"\nsource = \"paper\"\n{range}\nunit = \"times\"\n\
         [[claim.measured]]\nview = \"from nothing\"\nsuite = \"coldstart\"\n\
         of = {{ kind = \"container\", boundary = \"L3\" }}\nover = {{ kind = \"wasm\", boundary = \"L3\" }}"
    ))
}

fn verdict(claims: &Claims, run: &Recorded) -> (Verdict, String) {
    let judged = judge(claims, &analyse_all(std::slice::from_ref(run)));
    (
        judged[0].verdict,
        judged[0].summary().replace('\u{a0}', " "),
    )
}

#[test]
fn every_published_claim_has_a_verdict_or_says_why_not() {
    let claims = Claims::published();
    let runs = [
        synthetic::full(),
        synthetic::small(),
        synthetic::single(),
        synthetic::interrupted(),
        synthetic::empty(),
        synthetic::hostile(),
        synthetic::throughput(),
    ];
    let mut measured = 0;
    for run in &runs {
        let judged = judge(&claims, &analyse_all(std::slice::from_ref(run)));
        assert_eq!(judged.len(), claims.len());
        for judgement in judged {
            let summary = judgement.summary();
            assert!(summary.ends_with('.'), "{}: {summary}", judgement.claim.id);
            let counts = judgement.counted().len();
            assert_eq!(counts == 0, judgement.verdict == Verdict::NotMeasured);
            measured += usize::from(counts > 0);
        }
    }
    assert!(measured > 20, "{measured} verdicts");
}

#[test]
fn every_published_row_names_source_figure_unit_boundary_and_condition() {
    for (claim, source) in Claims::published().iter() {
        let id = &claim.id;
        assert!(source.author.is_some() && source.year.is_some(), "{id}");
        assert!(source.url.is_some(), "{id} has no address");
        for (what, text) in [
            ("figure", &claim.figure),
            ("boundary", &claim.boundary),
            ("condition", &claim.condition),
        ] {
            let given = text.as_ref().is_some_and(|text| !text.trim().is_empty());
            assert!(given, "{id} has no {what}");
        }
        assert!(claim.unit.is_some(), "{id} has no unit");
    }
}

#[test]
fn no_finding_is_a_negative_figure_or_a_fraction() {
    let runs = [synthetic::full(), synthetic::throughput()];
    let runs: Vec<Recorded> = runs.into_iter().chain(synthetic::whole::runs()).collect();
    let claims = Claims::published();
    for judgement in judge(&claims, &analyse_all(&runs)) {
        let words = judgement.summary();
        let negative = |word: &str| {
            let digits = word.trim_start_matches('(').strip_prefix('-');
            digits.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        };
        let fine = !words.contains("1/") && !words.split(' ').any(negative);
        assert!(fine, "{words}");
        for finding in &judgement.findings {
            let figure = judgement.claim.figure(finding.value);
            assert!(
                !figure.starts_with('-') && !figure.contains('/'),
                "{figure}"
            );
        }
    }
}

#[test]
fn times_that_stop_at_different_moments_are_not_compared() {
    let claim = "[[claim]]\nid = \"it\"\ntitle = \"it\"\nsays = \"It.\"\nsource = \"paper\"\nlow = 1\nunit = \"times\"\n\
        [[claim.measured]]\nview = \"v\"\nsuite = \"coldstart\"\nof = { kind = \"container\", boundary = \"L3\" }\n\
        over = { kind = \"wasm\", boundary = \"L1\" }";
    let error = Claims::parse("mine.toml", &table(claim)).expect_err("ready beside first output");
    assert!(
        error.to_string().contains("stop at different moments"),
        "{error}"
    );
    let alike = claim.replace("\"L1\"", "\"first-output-artefact\"");
    assert!(Claims::parse("mine.toml", &table(&alike)).is_ok());
}

#[test]
fn interpreters_and_optimising_compilers_are_told_apart() {
    let takes = |family: &str| {
        let claims = of(&format!(
            "[[claim]]\nid = \"it\"\ntitle = \"it\"\nsays = \"It.\"\nsource = \"paper\"\nlow = 0\nunit = \"ms\"\n\
             [[claim.measured]]\nview = \"v\"\nsuite = \"coldstart\"\n\
             of = {{ kind = \"wasm\", family = \"{family}\", boundary = \"L3\" }}"
        ));
        judge(&claims, &analyse_all(&[synthetic::full()]))[0]
            .findings
            .len()
    };
    assert!(takes("optimising") > takes("baseline") && takes("baseline") > 0);
    assert_eq!(takes("interpreter"), 0);
}

#[test]
fn a_range_around_every_figure_holds_and_one_beside_them_does_not() {
    let run = synthetic::small();
    // In the synthetic run it takes 172 ms.
    let (holds, words) = verdict(&takes("container", "low = 100\nhigh = 300"), &run);
    assert_eq!(holds, Verdict::Holds, "{words}");
    let (fails, words) = verdict(&takes("container", "low = 5000\nhigh = 10000"), &run);
    assert_eq!(fails, Verdict::DoesNotHold, "{words}");
    assert!(words.contains("below") && words.contains("0.03"), "{words}");
    assert!(
        words.contains("Faster than claimed: docker/runc."),
        "{words}"
    );
    let (fails, words) = verdict(&takes("container", "high = 1"), &run);
    assert_eq!(fails, Verdict::DoesNotHold);
    assert!(words.contains("above the claimed range"), "{words}");
}

#[test]
fn a_claim_that_some_engines_meet_holds_in_part() {
    let run = synthetic::full();
    let (verdict, words) = verdict(&takes("wasm", "high = 1"), &run);
    assert_eq!(verdict, Verdict::HoldsInPart, "{words}");
    assert!(
        words.contains("figures lie inside") || words.contains("figures lies inside"),
        "{words}"
    );
}

#[test]
fn a_range_missed_on_both_sides_names_the_targets_of_each() {
    let claims = takes("wasm", "low = 100\nhigh = 300");
    let runs = [synthetic::full()];
    let analyses = analyse_all(&runs);
    let mut judged = judge(&claims, &analyses);
    let judgement = &mut judged[0];
    let first = judgement.findings[0].judged.clone();
    for finding in &mut judgement.findings {
        finding.standing = match finding.judged == first {
            true => Standing::Below,
            false => Standing::Above,
        };
    }
    judgement.verdict = Verdict::DoesNotHold;
    let words = judgement.words();
    let expected =
        format!("does not hold: faster than claimed on {first}, slower than claimed on ");
    assert!(words.starts_with(&expected), "{words}");
}

#[test]
fn where_the_container_is_ahead_the_words_say_so() {
    let mut run = synthetic::small();
    // Swap the kinds, so that the container is the one that starts in half a millisecond.
    for target in &mut run.run.targets {
        use plimsoll_record::run::TargetKind::{Container, Wasm};
        target.kind = match target.kind {
            Container => Wasm,
            Wasm => Container,
            kind => kind,
        };
    }
    let (verdict, words) = verdict(&ratio("low = 100\nhigh = 1000"), &run);
    assert_eq!(verdict, Verdict::DoesNotHold, "{words}");
    let ahead = words.to_lowercase().contains("the container takes less");
    assert!(ahead || words.contains("0.00"), "{words}");
    assert!(!words.contains("1/"), "{words}");
    assert!(words.contains("below"), "{words}");
}

#[test]
fn a_missed_ratio_names_its_wasm_side_however_many_targets_each_side_has() {
    let named = |run: &Recorded| {
        let claims = ratio("low = 1\nhigh = 1.5");
        let judged = judge(&claims, &analyse_all(std::slice::from_ref(run)));
        let misses = judged[0].misses();
        let names = misses.iter().flat_map(|(_, targets)| targets.iter());
        names.map(|target| target.as_str().to_owned()).collect()
    };
    for run in [synthetic::small(), synthetic::full()] {
        let named: Vec<String> = named(&run);
        assert!(!named.is_empty());
        let container = named.iter().find(|name| name.starts_with("docker"));
        assert_eq!(container, None, "{named:?}");
    }
}

#[test]
fn a_target_that_no_kind_takes_is_taken_by_its_name_alone() {
    let run = synthetic::small();
    let claims = |side: &str| {
        let claim = format!(
            "[[claim]]\nid = \"it\"\ntitle = \"it\"\nsays = \"It takes so long.\"\nsource = \"paper\"\nhigh = 1000\nunit = \"ms\"\n\
             [[claim.measured]]\nview = \"from nothing\"\nsuite = \"coldstart\"\nof = {{ {side}, boundary = \"L3\" }}"
        );
        let table = table(&claim).replacen("[[source]]", "not_by_kind = [\"*\"]\n[[source]]", 1);
        Claims::parse("test.toml", &table).expect("a table of claims")
    };
    let (by_kind, _) = verdict(&claims("kind = \"wasm\""), &run);
    let (by_name, _) = verdict(&claims("target = \"*\""), &run);
    assert_eq!(by_kind, Verdict::NotMeasured);
    assert_ne!(by_name, Verdict::NotMeasured);
}

#[test]
fn a_single_trial_is_shown_and_does_not_count() {
    let run = synthetic::single();
    let claims = takes("native", "high = 1000");
    let judged = judge(&claims, &analyse_all(std::slice::from_ref(&run)));
    assert!(
        judged[0]
            .findings
            .iter()
            .all(|f| f.standing == Standing::NoInterval)
    );
    assert_eq!(judged[0].verdict, Verdict::NotMeasured);
}

#[test]
fn the_tutorials_claim_is_one_that_can_be_judged() {
    let tutorial = include_str!("../../../docs/TUTORIAL.md");
    let (_, table) = tutorial.split_once("```toml\n").expect("a table");
    let table = table.split("```").next().unwrap_or_default();
    let claims = Claims::parse("TUTORIAL.md", table).expect("a table of claims");
    let (verdict, words) = verdict(&claims, &synthetic::small());
    assert_eq!(verdict, Verdict::DoesNotHold, "{words}");
    assert!(words.contains("above"), "{words}");
}

#[test]
fn several_runs_are_judged_together() {
    let claims = takes("wasm", "high = 100");
    let one = judge(&claims, &analyse_all(&[synthetic::small()]))[0]
        .findings
        .len();
    let both = [synthetic::small(), synthetic::full()];
    assert!(judge(&claims, &analyse_all(&both))[0].findings.len() > one);
}

#[test]
fn a_malformed_table_says_what_is_wrong_and_where() {
    let claim = |rest: &str| {
        table(&format!(
            "[[claim]]\nid = \"it\"\ntitle = \"it\"\nsays = \"It.\"\nsource = \"paper\"\n{rest}"
        ))
    };
    let reading = "[[claim.measured]]\nview = \"v\"\nsuite = \"coldstart\"\nof = { kind = \"wasm\", boundary = \"L3\" }";
    for (text, wanted) in [
        ("schema = 1".to_owned(), "is no table of claims"),
        ("schema = \"other/2\"".to_owned(), "has schema \"other/2\""),
        (claim(""), "neither rows to compare it with"),
        (claim(&format!("low = 1\n{reading}")), "has no `unit`"),
        (
            claim(&format!("unit = \"ms\"\n{reading}")),
            "claims no range",
        ),
        (
            claim(&format!("unit = \"ms\"\nlow = 5\nhigh = 1\n{reading}")),
            "from 5 down to 1",
        ),
        (
            claim(&format!("unit = \"MB\"\nlow = 5\n{reading}")),
            "a unit that its metric is not measured in",
        ),
        (
            claim(&format!("unit = \"times\"\nlow = 5\n{reading}")),
            "does not say of what",
        ),
        (
            claim("unit = \"parsecs\"\nbecause = \"x\""),
            "unknown variant `parsecs`",
        ),
        (claim("because = \"x\"\nhigh_ = 1"), "unknown field `high_`"),
        (
            claim("because = \"x\"").replace("source = \"paper\"", "source = \"pamphlet\""),
            "\"pamphlet\", which no [[source]]",
        ),
        (
            claim(
                "because = \"x\"\n[[claim]]\nid = \"it\"\ntitle = \"i\"\nsays = \"I.\"\nsource = \"paper\"\nbecause = \"y\"",
            ),
            "is there twice",
        ),
        (
            claim(&format!("because = \"x\"\n{}", reading.replace("L3", "L9"))),
            "unknown variant `L9`",
        ),
        (
            claim(&format!("because = \"x\"\n{reading}")),
            "both `because` and `measured`",
        ),
    ] {
        let error = Claims::parse("mine.toml", &text)
            .expect_err(wanted)
            .to_string();
        assert!(
            error.contains(wanted) && error.contains("mine.toml"),
            "{wanted}: {error}"
        );
    }
    let missing = Claims::read(std::path::Path::new("/nowhere/mine.toml"));
    let missing = missing.expect_err("it is not there").to_string();
    assert!(missing.contains("/nowhere/mine.toml"), "{missing}");
}
