/**
 * What a frame between two processes costs over loopback: `node dist/test/peers/peer-bench.js [seconds]`.
 * The sender keeps a number of frames of 300 bytes on their way; the receiver answers each 32 with a frame of 4 bytes.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { openGrpcPeers } from "../../src/peers-grpc/grpc-peers.js";
import type { PeerListener, PeerPort } from "../../src/ports/peers.js";
import { systemClock, systemEntropy } from "../../src/router/system-clock.js";

const FRAME_BYTES = 300;
const ACKNOWLEDGED_EVERY = 32;
/** One for all: what it costs to make one is not what is measured. */
const FRAME = new Uint8Array(FRAME_BYTES);
const [mode = "2"] = process.argv.slice(2);

function open(listener: PeerListener): Promise<PeerPort> {
  const options = { cluster: "bench", host: "127.0.0.1", port: 0, tls: null, clock: systemClock, entropy: systemEntropy };
  return openGrpcPeers({ ...options, tell: () => undefined }, listener);
}

if (mode === "receive") await receive();
else await measure(Number(mode) * 1000);

async function receive(): Promise<void> {
  let received = 0;
  const acknowledgement = new Uint8Array(4);
  const peers = await open({
    received: (from, frame) => {
      if (frame.length !== FRAME_BYTES) peers.send(from, frame);
      else if (++received % ACKNOWLEDGED_EVERY === 0) peers.send(from, acknowledgement);
    },
    lost: () => undefined,
  });
  process.on("message", () => {
    const { user, system } = process.cpuUsage();
    process.send?.(user + system);
  });
  process.on("disconnect", () => void peers.close().then(() => process.exit()));
  process.send?.(peers.address);
}

async function measure(ms: number): Promise<void> {
  const execArgv =
    process.env["BENCH_PROFILE"] === undefined ? [] : ["--cpu-prof", "--cpu-prof-dir", process.env["BENCH_PROFILE"]];
  const child = fork(fileURLToPath(import.meta.url), ["receive"], { execArgv });
  const [address] = (await once(child, "message")) as [string];
  const childMicros = async (): Promise<number> => {
    child.send("cpu");
    return ((await once(child, "message")) as [number])[0];
  };
  let heard: () => void = () => undefined;
  const peers = await open({ received: () => heard(), lost: () => console.log("lost") });

  const times = await pingPong(ms);
  const at = (part: number) => `${((times[Math.floor(times.length * part)] as number) * 1000).toFixed(0)} µs`;
  console.log(`ping-pong of ${FRAME_BYTES - 1} bytes: p50 ${at(0.5)}, p99 ${at(0.99)}, ${times.length} of them`);
  for (const underWay of [32, 256, 2048, 16_384]) {
    await flood(underWay, 300);
    const before = [process.cpuUsage(), await childMicros()] as const;
    const began = performance.now();
    const frames = await flood(underWay, ms);
    const seconds = (performance.now() - began) / 1000;
    const own = process.cpuUsage(before[0]);
    const sender = (own.user + own.system) / frames;
    const receiver = ((await childMicros()) - before[1]) / frames;
    const perSecond = Math.round(frames / seconds).toLocaleString("en");
    console.log(
      `${underWay} under way: ${perSecond} frames/s, processor ${sender.toFixed(2)} µs to send, ${receiver.toFixed(2)} µs to receive`,
    );
  }
  await peers.close();
  child.disconnect();

  async function pingPong(forMs: number): Promise<number[]> {
    const frame = new Uint8Array(FRAME_BYTES - 1);
    const took: number[] = [];
    for (const end = performance.now() + forMs; performance.now() < end; ) {
      const began = performance.now();
      const back = new Promise<void>((resolve) => {
        heard = resolve;
      });
      peers.send(address, frame);
      await back;
      took.push(performance.now() - began);
    }
    return took.slice(took.length / 4).sort((one, other) => one - other);
  }

  /** Keeps so many frames on their way; gives how many arrived. */
  function flood(underWay: number, forMs: number): Promise<number> {
    return new Promise((resolve) => {
      const end = performance.now() + forMs;
      let sent = 0;
      let acknowledged = 0;
      const fill = () => {
        if (performance.now() < end) {
          for (; sent - acknowledged < underWay; sent++) peers.send(address, FRAME);
        } else if (sent === acknowledged) resolve(acknowledged);
      };
      heard = () => {
        acknowledged += ACKNOWLEDGED_EVERY;
        fill();
      };
      fill();
    });
  }
}
