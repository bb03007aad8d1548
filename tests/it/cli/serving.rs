//! `switchboard serve` as a process: its log, its probes, its files.

use super::*;

/// Asks for a path until an answer with this status comes.
fn ask_until(port: u16, path: &str, status: &str) {
    use std::{io::Read as _, net::TcpStream, time::Duration};

    let deadline = std::time::SystemTime::now() + Duration::from_secs(20);
    let mut last = String::new();
    while std::time::SystemTime::now() < deadline {
        if let Ok(mut tcp) = TcpStream::connect(("127.0.0.1", port)) {
            tcp.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
            let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
            last.clear();
            let _ = tcp
                .write_all(request.as_bytes())
                .and_then(|()| tcp.read_to_string(&mut last));
            if last.starts_with(&format!("HTTP/1.1 {status}")) {
                return;
            }
        }
        std::thread::yield_now();
    }
    panic!("{path}: {last}");
}

#[test]
fn a_server_out_of_files_still_answers_probes_and_recovers() {
    let (port, admin) = (free_port(), free_port());
    let config =
        format!("listen: 127.0.0.1:{port}\nadmin: 127.0.0.1:{admin}\nsurfaces: {{ web: {{ schema: a.graphql }} }}");
    let directory = directory(&[("switchboard.yaml", &config), ("a.graphql", GOOD)]);
    let mut server = Command::new("sh")
        .args([
            "-c",
            &format!("ulimit -n 64; exec {} serve", env!("CARGO_BIN_EXE_switchboard")),
        ])
        .current_dir(directory.path())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    ask_until(admin, "/ready", "200");

    let hoard: Vec<_> = (0..500)
        .filter_map(|_| std::net::TcpStream::connect(("127.0.0.1", port)).ok())
        .collect();
    assert!(hoard.len() > 64, "more than the server may have files: {}", hoard.len());
    ask_until(admin, "/live", "200");
    drop(hoard);
    ask_until(port, "/web/graphql?query=%7B__typename%7D", "200");

    let terminated = Command::new("kill").arg(server.id().to_string()).status().unwrap();
    assert!(terminated.success());
    assert!(server.wait().unwrap().success(), "SIGTERM is a clean end");
}

#[test]
fn every_log_line_about_a_request_has_its_id() {
    let (port, admin) = (free_port(), free_port());
    let config =
        format!("listen: 127.0.0.1:{port}\nadmin: 127.0.0.1:{admin}\nsurfaces: {{ web: {{ schema: a.graphql }} }}");
    let directory = directory(&[("switchboard.yaml", &config), ("a.graphql", GOOD)]);
    let mut server = Command::new(env!("CARGO_BIN_EXE_switchboard"))
        .arg("serve")
        .current_dir(directory.path())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    ask_until(admin, "/ready", "200");

    // Nobody listens on the source's port.
    let mut client = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    client
        .write_all(
            b"GET /web/graphql?query=%7Bposts%7Bid%7D%7D HTTP/1.1\r\nhost: x\r\nx-request-id: the-one\r\nconnection: close\r\n\r\n",
        )
        .unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("UPSTREAM_UNAVAILABLE"), "{answer}");
    Command::new("kill").arg(server.id().to_string()).status().unwrap();
    let mut log = String::new();
    server.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    server.wait().unwrap();

    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let about = |message: &str| {
        lines
            .iter()
            .find(|line| line["message"] == message)
            .unwrap_or_else(|| panic!("{log}"))
    };
    assert_eq!(about("call failed")["request_id"], "the-one");
    assert_eq!(about("request")["request_id"], "the-one");
}
