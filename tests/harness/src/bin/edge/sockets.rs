//! Sockets that only hold on: idle ones after an answer, and slow ones that send a byte a second of a head that never ends.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// Opens them, says so, and keeps them until it is stopped. Slow ones that are ended come again.
pub(crate) async fn hold(address: &str, path: &str, idle: usize, slow: usize) {
    let opened = Arc::new(AtomicUsize::new(0));
    let request = format!("GET {path}?query=%7B__typename%7D HTTP/1.1\r\nhost: bench\r\n\r\n");
    for number in 0..idle {
        let (address, request, opened) = (address.to_owned(), request.clone(), opened.clone());
        tokio::spawn(async move {
            let Ok(mut socket) = TcpStream::connect(address).await else {
                return;
            };
            let mut buffer = [0; 1024];
            if socket.write_all(request.as_bytes()).await.is_ok() && socket.read(&mut buffer).await.is_ok() {
                opened.fetch_add(1, Relaxed);
                // Until the server ends it.
                let _ = socket.read(&mut buffer).await;
                opened.fetch_sub(1, Relaxed);
            }
        });
        if number % 50 == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    for _ in 0..slow {
        let address = address.to_owned();
        tokio::spawn(async move {
            loop {
                drip(&address).await;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
    }
    for _ in 0..60 {
        if opened.load(Relaxed) >= idle {
            break;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    println!("{}", opened.load(Relaxed));
    std::future::pending::<()>().await;
}

async fn drip(address: &str) {
    let Ok(mut socket) = TcpStream::connect(address).await else {
        return;
    };
    for byte in b"POST /web/graphql HTTP/1.1\r\nhost: bench\r\nx-slow: "
        .iter()
        .chain(std::iter::repeat(&b'a'))
    {
        let mut buffer = [0; 64];
        let ended = tokio::time::timeout(Duration::from_secs(1), socket.read(&mut buffer));
        if ended.await.is_ok() || socket.write_all(&[*byte]).await.is_err() {
            return;
        }
    }
}
