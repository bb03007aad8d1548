//! Load for `benches/edge.sh`: a source that can do only so much, requests at a rate that does not wait for answers, sockets that only hold on.
//!
//! ```text
//! edge upstream PORT WORKERS SERVICE_MS
//! edge load ADDRESS PATH RATE SECONDS CONNECTIONS BODY[|BODY…] [HEADER…]
//! edge sockets ADDRESS PATH IDLE SLOW
//! ```

#![expect(clippy::print_stdout, reason = "a program for scripts")]
#![allow(clippy::unwrap_used, reason = "a bench ends when something is not as it must be")]

mod load;
mod sockets;

use std::{sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["upstream", port, workers, service] => upstream(port, workers, service).await,
        [
            "load",
            address,
            path,
            rate,
            seconds,
            connections,
            body,
            ref headers @ ..,
        ] => {
            let load = load::Load {
                address: address.to_owned(),
                path: path.to_owned(),
                rate: rate.parse().unwrap(),
                seconds: seconds.parse().unwrap(),
                connections: connections.parse().unwrap(),
                bodies: body.split('|').map(str::to_owned).collect(),
                headers: headers.iter().map(|header| (*header).to_owned()).collect(),
            };
            println!("{}", load.run().await);
        }
        ["sockets", address, path, idle, slow] => {
            sockets::hold(address, path, idle.parse().unwrap(), slow.parse().unwrap()).await;
        }
        _ => panic!("edge upstream PORT WORKERS SERVICE_MS | load … | sockets …"),
    }
}

/// A source that answers everything with the same, so many calls at a time, each in so many milliseconds: its capacity is what it says.
async fn upstream(port: &str, workers: &str, service: &str) {
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await.unwrap();
    let workers = Arc::new(Semaphore::new(workers.parse().unwrap()));
    let service = Duration::from_secs_f64(service.parse::<f64>().unwrap() / 1_000.0);
    println!("ready");
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        tokio::spawn(answer(socket, workers.clone(), service));
    }
}

async fn answer(mut socket: TcpStream, workers: Arc<Semaphore>, service: Duration) {
    const ANSWER: &[u8] =
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 28\r\n\r\n{\"id\":\"1\",\"name\":\"Somebody\"}";
    let _ = socket.set_nodelay(true);
    let (mut buffer, mut filled) = (vec![0; 16 * 1024], 0);
    loop {
        // Calls are GETs: they end where their head ends.
        match socket.read(&mut buffer[filled..]).await {
            Ok(0) | Err(_) => return,
            Ok(count) => filled += count,
        }
        if !buffer[..filled].ends_with(b"\r\n\r\n") {
            continue;
        }
        filled = 0;
        if !service.is_zero() {
            let _working = workers.acquire().await.unwrap();
            tokio::time::sleep(service).await;
        }
        if socket.write_all(ANSWER).await.is_err() {
            return;
        }
    }
}
