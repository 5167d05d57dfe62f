// Bun's own publish to topics, as its documentation shows it: nothing is kept, whoever is away misses it. It speaks the
// target `bare`: `+TOPIC` subscribes and is repeated as the answer, `TOPIC DATA` publishes, a delivery is the data.

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: Number(Bun.argv[2]),
  fetch(request, server) {
    return server.upgrade(request) ? undefined : new Response("a WebSocket is expected\n", { status: 426 });
  },
  websocket: {
    message(socket, message) {
      const text = String(message);
      if (text.startsWith("+")) {
        socket.subscribe(text.slice(1));
        socket.send(text);
        return;
      }
      const gap = text.indexOf(" ");
      server.publish(text.slice(0, gap), text.slice(gap + 1));
    },
  },
});
