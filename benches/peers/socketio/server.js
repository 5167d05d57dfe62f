// Socket.IO with rooms as topics, without its recovery of connections: nothing is kept. Whoever connects with a topic in
// `auth` is in its room by the time that is answered; `publish` takes a topic and the data.

import { createServer } from "node:http";
import { Server } from "socket.io";

const http = createServer();
// Long polling is no transport of this comparison.
const io = new Server(http, { transports: ["websocket"], serveClient: false });

io.on("connection", (socket) => {
  const { topic } = socket.handshake.auth;
  if (topic !== undefined) {
    socket.join(topic);
  }
  socket.on("publish", (topic, data) => io.to(topic).emit("data", data));
});

http.listen(Number(process.argv[2]), "127.0.0.1");
