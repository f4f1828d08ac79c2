use super::*;

fn read(text: &str) -> Written {
    Written::from_file("doorward.toml", text, &Environment::default())
}

fn messages(text: &str) -> Vec<String> {
    read(text).report([]).lines().collect()
}

#[test]
fn every_error_comes_at_once_with_its_place_and_what_was_meant() {
    let text = "\
[listen]
addres = '127.0.0.1:8443'
workers = 0
hosts = ['a', 3]

[tls]
certificate = 'c.pem'

[[key]]
id = 'a'
sha256 = 'nope'
transports = ['http', 'websockets']

[[key]]
user = 'x'

[[issuer]]
name = 'i'

[log]
level = 'inof'
";
    assert_eq!(
        messages(text),
        [
            "doorward.toml:2:1: unknown key `addres`",
            "doorward.toml:3:11: from 1 to 1024 workers, or \"auto\"",
            "doorward.toml:4:15: invalid type: integer `3`, expected a string",
            "doorward.toml:6:1: missing key `key`",
            "doorward.toml:11:10: not a SHA-256 digest: 64 hex digits, as `sha256sum` prints them",
            "doorward.toml:12:23: unknown value `websockets`",
            "doorward.toml:14:1: missing key `id`",
            "doorward.toml:17:1: missing key `algorithms`",
            "doorward.toml:21:9: unknown value `inof`",
        ]
    );
    let report = read(text).report([]).to_text();
    assert!(report.contains("did you mean `address`?"), "{report}");
    assert!(report.contains("did you mean `websocket`?"), "{report}");
    assert!(report.contains("did you mean `info`?"), "{report}");
    assert!(report.contains("2 | addres = '127.0.0.1:8443'") || report.contains("addres = "));
    assert!(!report.contains("nope"), "{report}");
}

#[test]
fn an_unknown_section_is_an_error_whatever_it_holds() {
    assert_eq!(
        messages("bakend = []\n"),
        ["doorward.toml:1:1: unknown key `bakend`"]
    );
    assert_eq!(
        messages("[bakend]\n"),
        ["doorward.toml:1:2: unknown key `bakend`"]
    );
    assert_eq!(
        messages("bakend = ['x', 'y']\n"),
        ["doorward.toml:1:1: unknown key `bakend`"]
    );
    let twice = messages("[[keys]]\n[[keys]]\n");
    assert!(twice[0].contains("unknown key `keys`"), "{twice:?}");
}

#[test]
fn key_paths_count_the_elements_of_the_file() {
    let report = read("[[key]]\nid='a'\n[[key]]\nid='b'\nsha256=1\n").report([]);
    assert_eq!(report.diagnostics()[0].at, "key[1].sha256");
}

#[test]
fn syntax_errors_are_shown_with_their_place() {
    assert_eq!(
        messages("[listen]\nplaintext = yes\n"),
        ["doorward.toml:2:13: string values must be quoted, expected literal string"]
    );
}

#[test]
fn a_secret_never_appears_in_a_report() {
    for text in [
        "[backend]\nhttp_key = 12345678\n",
        "[[key]]\nid = 'a'\nvalue = ['hunter2']\n",
        "[[key]]\nid = 'a'\nvaleu = 'hunter2'\n",
        "[[key]]\nid = 'a'\nsha256 = 'hunter2'\n",
        "[[key]]\nid = 'a'\nvalue = hunter2\n",
        "[[key]]\nid = 'a'\npassword = hunter2\n",
        "[[issuer]]\nsecret = \"\"\"\nhunter2\n",
        "[backend]\nurl = 'http://me:hunter2@cat'\n",
        "hunter2 = 'hunter2'\n[[key]\n",
    ] {
        let report = read(text).report([]);
        assert!(report.has_errors(), "{text}");
        let shown = report.to_text() + &report.to_json().to_string();
        let key_itself = text.starts_with("hunter2");
        assert!(key_itself || !shown.contains("hunter2"), "{shown}");
        assert!(!shown.contains("12345678"), "{shown}");
    }
}

#[test]
fn a_variable_overrides_a_scalar_and_is_named_in_its_errors() {
    let environment = Environment::from([
        ("DOORWARD_LISTEN", "127.0.0.1:1"),
        ("DOORWARD_LISTEN_PLAINTEXT", "true"),
        ("DOORWARD_LISTEN_HOSTS", "a.example, b.example"),
        ("DOORWARD_LIMITS_DRAIN", "5 parsecs"),
        ("DOORWARD_BACKEND_HTTP_KEY", "0123"),
        ("DOORWARD_LOG_LEVLE", "info"),
        ("DOORWARD_LSITEN_HOSTS", "x"),
        ("DOORWARD_SERVICE_HOST", "10.0.0.1"),
    ]);
    let text = "[listen]\naddress = '127.0.0.1:2'\n[backend]\nhttp_key_file = 'f'\n";
    let written = Written::from_file("doorward.toml", text, &environment);
    let config = &written.config;
    assert_eq!(
        config.listen.addresses(None),
        ["127.0.0.1:1".parse().unwrap()]
    );
    assert!(config.listen.plaintext);
    assert_eq!(config.listen.hosts.0, ["a.example", "b.example"]);
    assert_eq!(
        config.backend.http_key.as_ref().unwrap().0.expose(),
        b"0123"
    );
    assert_eq!(config.backend.http_key_file, None);
    let lines: Vec<_> = written.report([]).lines().collect();
    let has = |part: &str| lines.iter().any(|line| line.contains(part));
    assert!(
        has("environment variable DOORWARD_LIMITS_DRAIN: not a duration"),
        "{lines:?}"
    );
    assert!(
        has("environment variable DOORWARD_LOG_LEVLE: unknown key `levle`"),
        "{lines:?}"
    );
    assert!(has("DOORWARD_LSITEN_HOSTS sets nothing"), "{lines:?}");
    assert_eq!(lines.len(), 3, "{lines:?}");
}

#[test]
fn what_follows_from_a_broken_section_is_not_reported_besides() {
    let text = "[[key]]\nid = 'a'\nusr = 'x'\nvalue_file = 'f'\n[[key]]\nid = 'b'\n";
    let later = ["key[0].user", "key[0].value_file", "key[1].user"];
    let later = later.map(|at| Diagnostic::error(at, "bad"));
    let lines: Vec<_> = read(text).report(later).lines().collect();
    assert_eq!(
        lines,
        [
            "doorward.toml:3:1: unknown key `usr`",
            "doorward.toml:4:14: bad",
            "doorward.toml:5:1: bad"
        ]
    );
}

const EXAMPLE: &str = include_str!("../../../config/doorward.toml");

/// The full example with a value of the wrong kind in the lines that are chosen, and those
/// lines' numbers.
fn broken(choose: impl Fn(usize) -> bool) -> (String, Vec<usize>) {
    let (mut text, mut lines) = (Vec::new(), Vec::new());
    for (line, number) in EXAMPLE.lines().zip(1..) {
        match line
            .split_once(" = ")
            .filter(|(key, _)| !key.starts_with('#'))
        {
            Some((key, _)) if choose(number) => {
                text.push(format!("{key} = [[1979-05-27]]"));
                lines.push(number);
            }
            _ => text.push(line.to_owned()),
        }
    }
    (text.join("\n"), lines)
}

#[test]
fn a_wrong_value_is_found_in_its_line_whichever_key_it_is_of() {
    for number in 1..=EXAMPLE.lines().count() {
        let (text, lines) = broken(|line| line == number);
        let report = read(&text).report([]);
        let source = Source::new("", text);
        let starts = report
            .diagnostics()
            .iter()
            .map(|d| d.span.clone().unwrap().start);
        let found: Vec<_> = starts.map(|start| source.position(start).0).collect();
        assert_eq!(found, lines, "{}", report.to_text());
    }
}

#[test]
fn a_hundred_wrong_values_are_all_found_at_once() {
    let (text, lines) = broken(|_| true);
    let report = read(&text).report([]);
    let source = Source::new("", text);
    let starts = report
        .diagnostics()
        .iter()
        .map(|d| d.span.clone().unwrap().start);
    let found: Vec<_> = starts.map(|start| source.position(start).0).collect();
    assert_eq!(found, lines, "{}", report.to_text());
}

#[test]
fn a_file_cut_anywhere_is_read_and_reported_without_harm() {
    for cut in (0..EXAMPLE.len()).step_by(17) {
        let text = EXAMPLE.get(..cut).unwrap_or_default();
        let report = read(text).report([]);
        let counted = report.to_text().lines().last().unwrap().contains("error");
        assert!(counted, "{cut}");
    }
}

proptest::proptest! {
    #[test]
    fn no_text_does_harm(text in "([a-z_]{1,8}|[\\[\\]{}=.,\"'#\\\\ \r\n0-9é-]|limits|key|id|listen|\"\"\"){0,60}") {
        let report = read(&text).report([]);
        let _ = (report.to_text(), report.to_json(), report.lines().count());
    }
}

#[test]
fn a_long_file_that_is_read_again_is_reported_as_if_it_were_new() {
    let block = |number| format!("[[key]]\nid = \"key-{number}\"\nuser = 'u'\n\n");
    let text = "[log]\nlevel = 'warn'\n\n".to_owned() + &(0..3000).map(block).collect::<String>();
    let before = read(&text);
    assert!(before.is_sound());
    assert_eq!(before.config.key.len(), 3000);
    let changes = [
        ("\"key-1500\"", "\"another\""),
        ("\"key-1500\"", "7"),
        ("user = 'u'", "usr = 'u'"),
        ("[log]", "[lg]"),
        ("[[key]]", "[[key"),
        ("[[key]]\n", ""),
        ("level", "key = []\nlevel"),
        ("\"key-2999\"", "'''"),
    ];
    for (from, to) in changes {
        let text = text.replacen(from, to, 1);
        let (again, anew) = (before.reread(&*text, &Environment::default()), read(&text));
        assert_eq!(again.config, anew.config, "{to}");
        assert_eq!(again.report([]).to_text(), anew.report([]).to_text());
    }
}
