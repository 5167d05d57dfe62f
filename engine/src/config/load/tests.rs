//! What sources make together, and every way in which they can be wrong.

use super::*;

fn load(file: &str, environment: &[(&str, &str)]) -> Result<Config, Vec<String>> {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let sources = Sources {
        file: Some(File { name: "f.toml".to_owned(), text: file.to_owned() }),
        environment: environment.iter().map(own).collect(),
        arguments: Vec::new(),
    };
    Config::load(sources).map_err(|problems| problems.0.iter().map(Problem::to_string).collect())
}

/// The sentences about a file that is wrong.
fn wrong(file: &str) -> Vec<String> {
    load(file, &[]).expect_err(file)
}

/// The sentence about a variable that is wrong.
fn wrong_variable(name: &str, value: &str) -> String {
    load("", &[(name, value)]).expect_err(name).remove(0)
}

#[test]
fn what_comes_later_wins_file_environment_arguments() {
    let sources = |argument: bool| Sources {
        file: Some(File {
            name: "f".to_owned(),
            text: "server.listen = \"127.0.0.1:1\"\nlimits.connections_max = 7".to_owned(),
        }),
        environment: vec![("FANFARE_SERVER__LISTEN".to_owned(), "127.0.0.1:2".to_owned())],
        arguments: Vec::from_iter(argument.then(|| Argument {
            name: "--listen",
            key: "server.listen",
            value: "[::1]:3".to_owned(),
        })),
    };
    let config = Config::load(sources(false)).unwrap();
    assert_eq!((config.server.listen.to_string().as_str(), config.limits.connections_max), ("127.0.0.1:2", 7));
    assert_eq!(Config::load(sources(true)).unwrap().server.listen.to_string(), "[::1]:3");
}

#[test]
fn variables_reach_nested_keys_lists_flags_and_numbers() {
    let config = load(
        "",
        &[
            ("FANFARE_SERVER__TLS__TERMINATED_BY_PROXY", "true"),
            ("FANFARE_SERVER__ALLOWED_ORIGINS", "https://a.example, https://b.example:8443"),
            ("FANFARE_SERVER__WORKERS", "3"),
            ("FANFARE_LIMITS__FRAME_BYTES_MAX", "2_000_000"),
            ("FANFARE_TOKEN", "x"),
            ("FANFARE_SERVICE_HOST", "10.0.0.1"),
            ("HOME", "x"),
        ],
    );
    let server = &config.as_ref().unwrap().server;
    assert!(server.tls.terminated_by_proxy);
    assert_eq!(server.allowed_origins, ["https://a.example", "https://b.example:8443"]);
    assert_eq!(server.workers.count(std::num::NonZeroUsize::MIN), 3);
    assert_eq!(config.unwrap().limits.frame_bytes_max, 2_000_000);
}

#[test]
fn an_unknown_key_names_its_line_and_the_nearest() {
    assert_eq!(
        wrong("[limits]\nframe_bytes_max = 1000000\nframe_byte_max = 5\n"),
        ["f.toml:3: unknown key `limits.frame_byte_max`, the nearest known one is `limits.frame_bytes_max`"],
    );
    assert_eq!(wrong("listen = 1"), ["f.toml:1: unknown key `listen`, the nearest known one is `server.listen`"]);
    assert_eq!(
        wrong("[server]\nframe_bytes_max = 5"),
        ["f.toml:2: unknown key `server.frame_bytes_max`, the nearest known one is `limits.frame_bytes_max`"],
        "the right key under the wrong section",
    );
    for like_none in ["[limits]\nfoo = 1", "[zoo]\nbananas = 1"] {
        let told = wrong(like_none).concat();
        assert!(told.ends_with(", `fanfare config example` shows those that there are"), "{told}");
    }
    assert_eq!(wrong("\n[sever]\n"), ["f.toml:2: unknown key `sever`, the nearest known one is `server`"]);
    let namespace = wrong("[[namespace]]\nname = \"a\"\nhistorycount = 3");
    assert_eq!(
        namespace,
        ["f.toml:3: unknown key `namespace.historycount`, the nearest known one is `namespace.history_count`"],
    );
}

#[test]
fn a_wrong_type_names_its_line_the_key_and_what_it_should_be() {
    assert_eq!(
        wrong(
            "[limits]\nframe_bytes_max = \"1 MiB\"\nconnections_max = -1\ntopics_max = 1.5\n[delivery]\nsend_buffer_bytes = true\npong_timeout_ms = 5000000000"
        ),
        [
            "f.toml:2: `limits.frame_bytes_max` must be a whole number, not `\"1 MiB\"`",
            "f.toml:3: `limits.connections_max` cannot be `-1`: it must be a positive number",
            "f.toml:4: `limits.topics_max` must be a whole number, not `1.5`",
            "f.toml:6: `delivery.send_buffer_bytes` must be a whole number, not `true`",
            "f.toml:7: `delivery.pong_timeout_ms` cannot be `5000000000`: the number is too great",
        ],
    );
    assert_eq!(wrong("server = 3"), ["f.toml:1: `server` must be a section, not `3`"]);
    assert_eq!(
        wrong("[server]\nallowed_origins = \"*\""),
        ["f.toml:2: `server.allowed_origins` must be a list of texts, not `\"*\"`"],
    );
    assert_eq!(
        wrong("namespace = 3"),
        ["f.toml:1: `namespace` must be a list of sections `[[namespace]]`, not one value"],
    );
    assert_eq!(wrong("limits.topics_max = 99999999999999999999").len(), 1);
}

#[test]
fn a_value_that_its_key_cannot_have_says_why() {
    let listen = wrong("[server]\nlisten = \"localhost\"");
    assert!(listen[0].starts_with("f.toml:2: `server.listen` cannot be `\"localhost\"`: "), "{listen:?}");
    let kind = wrong("[[namespace]]\nname = \"a\"\nkind = \"steam\"");
    assert!(kind[0].starts_with("f.toml:3: ") && kind[0].contains("`stream`, `state`"), "{kind:?}");
    let workers = wrong("server.workers = 0");
    assert!(workers[0].contains("`per-core` or a number from 1"), "{workers:?}");
    let fsync = wrong("storage.fsync = \"sometimes\"");
    assert!(fsync[0].contains("`always`, `interval`, `never`"), "{fsync:?}");
    let durability = wrong("[[namespace]]\nname = \"a\"\ndurability = \"durable\"");
    assert!(durability[0].contains("expected one of `replicated`, `ephemeral`"), "{durability:?}");
    let level = wrong("telemetry.log_level = \"loud\"");
    assert!(level[0].contains("`warn`"), "{level:?}");
}

#[test]
fn what_is_not_toml_names_the_line() {
    let problems = wrong("[limits]\nframe_bytes_max = \n");
    assert!(problems[0].starts_with("f.toml:2: this is not TOML: "), "{problems:?}");
    let twice = wrong("server.listen = \"127.0.0.1:1\"\nserver.listen = \"127.0.0.1:1\"");
    assert!(twice[0].starts_with("f.toml:2: this is not TOML: ") && twice[0].contains("duplicate"), "{twice:?}");
}

#[test]
fn a_key_of_a_later_version_is_refused_even_when_its_section_is_empty() {
    assert_eq!(
        wrong("[auth]\n[server.tls]\ncertificate = \"c.pem\""),
        [
            "f.toml:1: `auth` (who may do what) is not supported by this version: remove the section and let a proxy \
             that authenticates stand before the node",
            "f.toml:3: `server.tls.certificate` (TLS of the node itself) is not supported by this version: remove it, let \
             a proxy in front of the node end TLS, and set `server.tls.terminated_by_proxy = true`",
        ],
    );
    assert!(wrong_variable("FANFARE_CLUSTER__SECRET", "s3cret").contains("`cluster`"));
    assert!(!wrong_variable("FANFARE_CLUSTER__SECRET", "s3cret").contains("s3cret"));
    assert!(wrong("[[namespace]]\nname = \"a\"\npresence = true")[0].contains("namespace.presence"));
}

#[test]
fn a_wrong_variable_is_named_with_the_nearest_one() {
    assert_eq!(
        wrong_variable("FANFARE_LIMITS__FRAME_BYTE_MAX", "5"),
        "FANFARE_LIMITS__FRAME_BYTE_MAX: unknown key `FANFARE_LIMITS__FRAME_BYTE_MAX`, the nearest known one is \
         `FANFARE_LIMITS__FRAME_BYTES_MAX`",
    );
    assert_eq!(
        wrong_variable("FANFARE_LIMITS__FRAME_BYTES_MAX", "many"),
        "FANFARE_LIMITS__FRAME_BYTES_MAX: `limits.frame_bytes_max` must be a whole number, not `\"many\"`",
    );
    assert_eq!(
        wrong_variable("FANFARE_SERVER_LISTEN", "127.0.0.1:1"),
        "FANFARE_SERVER_LISTEN: sections and keys are separated by two underscores: write `FANFARE_SERVER__LISTEN`",
    );
    assert!(wrong_variable("FANFARE_NAMESPACE__NAME", "a").contains("[[namespace]]"));
}

#[test]
fn a_namespace_needs_one_good_name_that_no_other_has() {
    assert_eq!(wrong("\n[[namespace]]\nkind = \"state\""), ["f.toml:2: a `[[namespace]]` must have a `name`"]);
    let twice = wrong("[[namespace]]\nname = \"a\"\n[[namespace]]\nname = \"a\"");
    assert_eq!(twice, ["f.toml:4: the namespace `a` is declared twice: keep one of them"]);
    for name in ["a:b", "_internal", "", "a b", "{a}"] {
        let problems = wrong(&format!("[[namespace]]\nname = \"{name}\""));
        assert!(
            problems[0].starts_with("f.toml:2: ") && problems[0].contains("cannot name a namespace"),
            "{problems:?}"
        );
    }
}

#[test]
fn a_namespace_is_declared_by_values_in_the_words_of_a_file() {
    let declared = |values: &str| Namespace::declared("a", &toml::from_str(values).unwrap());
    let state = declared("kind = \"state\"\nkeys_max = 7").unwrap();
    assert_eq!(state, Namespace { keys_max: 7, ..Namespace::new("a", Kind::State) });
    let said: Vec<_> = declared("historycount = 3\nkeys_max = \"many\"\npresence = true").unwrap_err();
    assert_eq!(
        said.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "unknown key `namespace.historycount`, the nearest known one is `namespace.history_count`",
            "`namespace.keys_max` must be a whole number, not `\"many\"`",
            "`namespace.presence` (who is in a topic) is not supported by this version: remove it",
        ],
    );
}

#[test]
fn a_namespace_is_checked_in_the_words_of_a_file() {
    let limits = crate::limit::Limits::default();
    assert_eq!(Namespace::new("a", Kind::Stream).check(&limits), Ok(()));
    let wrong = Namespace { history_count: 0, bytes_max: 5, ..Namespace::new("a:b", Kind::Stream) };
    let said: Vec<_> = wrong.check(&limits).unwrap_err().iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(said[0].starts_with("`namespace.a:b.history_count` must be at least 1"), "{said:?}");
    assert!(said[1].contains("cannot name a namespace"), "{said:?}");
    assert!(said[2].contains("`bytes_max` = 5 has no room for one publication"), "{said:?}");
}

#[test]
fn more_namespaces_than_a_cluster_holds_are_refused() {
    let declared = |count: usize| (0..count).map(|n| format!("[[namespace]]\nname = \"n{n}\"\n")).collect::<String>();
    assert!(load(&declared(999), &[]).is_ok());
    let problems = wrong(&declared(1_000));
    assert!(
        problems[0].contains("1001 namespaces are declared, `default` among them, and 1000 may be"),
        "{problems:?}"
    );
}

#[test]
fn values_that_do_not_fit_together_are_told_at_the_line_of_the_one_that_was_given() {
    for (file, line, part) in [
        ("limits.frame_bytes_max = 65536", 1, "namespace `default`: `publication_bytes_max` = 262144 does not fit"),
        (
            "[[namespace]]\nname = \"a\"\npublication_bytes_max = 1000000",
            3,
            "does not fit into `limits.frame_bytes_max`",
        ),
        ("[[namespace]]\nname = \"a\"\nhistory_bytes = 100", 3, "must be at least 262400"),
        ("limits.frame_bytes_max = 70000000", 1, "is beyond 67108864"),
        ("limits.batch_publications_max = 1001", 1, "is beyond 1000"),
        ("delivery.rings_bytes_max = 1000", 1, "`delivery.ring_bytes_max` = 262144 must not be greater than"),
        ("\ndelivery.pong_timeout_ms = 30000", 2, "must not be greater than `delivery.heartbeat_interval_ms` = 25000"),
        ("server.shutdown_timeout_ms = 1000", 1, "`server.reconnect_within_ms` = 5000 must not be greater than"),
        ("limits.requests_in_flight_max = 300", 1, "`idempotency.producer_results_max` = 256"),
        ("storage.fsync_interval_ms = 60001", 1, "is beyond 60000"),
        ("storage.reads_max = 513", 1, "is beyond 512: each takes a thread"),
        ("\nstorage.window_bytes_max = 1000", 2, "`limits.frame_bytes_max` = 1048576 must not be greater than"),
        ("storage.free_bytes_min = 0", 1, "`storage.free_bytes_min` must be at least 1"),
        ("storage.data_dir = \"\"", 1, "`storage.data_dir` is empty"),
        ("[[namespace]]\nname = \"a\"\nbytes_max = 100", 3, "`bytes_max` = 100 has no room for one publication"),
        ("limits.topics_max = 0", 1, "`limits.topics_max` must be at least 1"),
        ("[[namespace]]\nname = \"a\"\ntopics_max = 0", 3, "`namespace.a.topics_max` must be at least 1"),
        ("server.allowed_origins = [\"https://a.example/\"]", 1, "write it as `https://app.example.org`"),
    ] {
        let problems = wrong(file);
        assert!(problems[0].starts_with(&format!("f.toml:{line}: ")), "{problems:?}");
        assert!(problems[0].contains(part), "{problems:?}");
    }
}

#[test]
fn with_a_file_only_its_namespaces_are_declared() {
    let config = load("[[namespace]]\nname = \"prices\"\nkind = \"state\"\nhistory_count = 5", &[]).unwrap();
    let policies = config.policies();
    assert_eq!((policies.of("prices").kind, policies.of("prices").history_count), (Kind::State, 5));
    assert_eq!(policies.of("typing").kind, Kind::Stream);
    assert_eq!(policies.of("prices").idempotency.window_ms, 120_000);
    let config = load("[idempotency]\nwindow_ms = 5\n[[namespace]]\nname = \"a\"", &[]).unwrap();
    assert_eq!(config.policies().of("a").idempotency.window_ms, 5);
}
