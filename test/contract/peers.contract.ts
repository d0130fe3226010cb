/** What every peer port promises (src/ports/peers.ts). Each adapter's test calls `peersContract` with a factory. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FRAME_BYTES_MAX, type PeerPort } from "../../src/ports/peers.js";
import { conversations, lostOf, numbered, numberOf, Recorder, receivedOf, type TestNode, until } from "../peers/test-node.js";

export interface PeerWorld {
  /** A node; at an address that was used before, or at a new one. */
  open(at?: string): Promise<TestNode>;
  /** The same with a listener of the test's own; gone with the world. */
  openPort(listener: { received: PeerPort["send"]; lost: PeerPort["forget"] }): Promise<PeerPort>;
  /** A node that can be killed: in a process of its own where there is one. */
  openMortal(at?: string): Promise<TestNode>;
  /** Breaks what connects two nodes of `open`. */
  break(one: TestNode, other: TestNode): void;
  /** Nothing arrives in this direction any more, between two nodes of `open` of which the second has sent nothing yet. */
  stall(from: TestNode, to: TestNode): void;
  heal(from: TestNode, to: TestNode): void;
  /** An address at which nobody is. */
  readonly nobody: string;
  readonly queueBytesMax: number;
  dispose(): Promise<void>;
}

export function peersContract(name: string, create: () => Promise<PeerWorld>): void {
  const under = (title: string, run: (world: PeerWorld) => Promise<void>) =>
    test(title, async () => {
      const world = await create();
      try {
        await run(world);
      } finally {
        await world.dispose();
      }
    });

  describe(`peers contract: ${name}`, () => {
    under("frames of both directions arrive once, in order, byte for byte, whatever their size", async (world) => {
      const [a, b] = [await world.open(), await world.open()];
      const sizes = [4, 5, 300, 127, 128, 129, 16_383, 16_384, 65_530, 65_536, 65_537, 200_000];
      const count = 3000;
      for (let number = 0; number < count; number++) {
        const size = number % 50 === 0 ? (sizes[(number / 50) % sizes.length] as number) : 40;
        a.send(b.address, numbered(number, size));
        b.send(a.address, numbered(number, size));
        if (number % 300 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      await until("all have arrived", () => receivedOf(a).length === count && receivedOf(b).length === count);
      for (const node of [a, b]) {
        for (const [index, frame] of receivedOf(node).entries()) {
          assert.equal(numberOf(frame), index);
          assert.ok(frame.subarray(4).every((byte) => byte === index % 251));
          assert.equal(frame.constructor, Uint8Array, "a plain array of bytes");
        }
        assert.equal(lostOf(node), 0);
      }
      assert.ok(a.events.every((event) => event.kind === "received" && event.from === b.address));
    });

    under("two that begin at the same moment have one conversation, without a loss", async (world) => {
      for (let round = 0; round < 10; round++) {
        const [a, b] = [await world.open(), await world.open()];
        for (const [from, to] of [[a, b] as const, [b, a] as const]) {
          for (let number = 0; number < 5; number++) from.send(to.address, numbered(number));
        }
        await until("both have all", () => receivedOf(a).length === 5 && receivedOf(b).length === 5);
        assert.equal(lostOf(a) + lostOf(b), 0);
        await Promise.all([a.close(), b.close()]);
      }
    });

    under("an empty frame arrives, and a largest one between small ones", async (world) => {
      const [a, b] = [await world.open(), await world.open()];
      const frames = [new Uint8Array(0), numbered(1), numbered(2, FRAME_BYTES_MAX), numbered(3), new Uint8Array(0)];
      for (const frame of frames) a.send(b.address, frame);
      await until("all have arrived", () => receivedOf(b).length === frames.length);
      assert.deepEqual(
        receivedOf(b).map((frame) => frame.length),
        frames.map((frame) => frame.length),
      );
      assert.ok(Buffer.from(frames[2] as Uint8Array).equals(receivedOf(b)[2] as Uint8Array));
    });

    under("a frame that is too large, or to oneself, is a mistake of the caller", async (world) => {
      const [a, b] = [await world.open(), await world.open()];
      assert.throws(() => a.send(b.address, new Uint8Array(FRAME_BYTES_MAX + 1)), RangeError);
      assert.throws(() => a.send(a.address, new Uint8Array(1)), RangeError);
    });

    under(
      "where nobody answers the sender is told, and again for what it sends then; one that comes up is reached",
      async (world) => {
        const a = await world.open();
        a.send(world.nobody, numbered(1));
        await until("it is told", () => lostOf(a) === 1);
        a.send(world.nobody, numbered(2));
        await until("it is told again", () => lostOf(a) === 2);
        const b = await world.open(world.nobody);
        a.send(b.address, numbered(3));
        await until("it gets through", () => {
          if (lostOf(a) > 2) a.send(b.address, numbered(3 + lostOf(a)));
          return receivedOf(b).length > 0;
        });
        assert.ok(numberOf(receivedOf(b)[0] as Uint8Array) >= 3);
      },
    );

    under("an address that is none is one where nobody answers", async (world) => {
      const a = await world.open();
      for (const address of ["", "no port", "unix:/tmp/x:1", "127.0.0.1:99999", "127.0.0.1:0"]) {
        const before = lostOf(a);
        a.send(address, numbered(1));
        await until(`it is told of '${address}'`, () => lostOf(a) > before);
        a.forget(address);
      }
    });

    under("a node that is killed is lost, and so is what was on its way to it", async (world) => {
      const [a, b] = [await world.open(), await world.openMortal()];
      a.send(b.address, numbered(1));
      b.send(a.address, numbered(2));
      await until("they talk", () => receivedOf(a).length === 1 && receivedOf(b).length === 1);
      a.send(b.address, numbered(3));
      await b.kill();
      await until("it is told", () => lostOf(a) === 1);
      assert.deepEqual(a.events.at(-1), { kind: "lost", address: b.address });
    });

    under("another process at the same address begins a new conversation", async (world) => {
      const [a, first] = [await world.open(), await world.openMortal()];
      let number = 0;
      const sendUntil = async (node: TestNode) => {
        await until("it gets through", () => {
          a.send(node.address, numbered(number++));
          return receivedOf(node).length > 20;
        });
      };
      await sendUntil(first);
      first.send(a.address, numbered(1_000_000));
      await until("it is heard", () => receivedOf(a).length === 1);
      await first.kill();
      const second = await world.openMortal(first.address);
      second.send(a.address, numbered(2_000_000));
      await until("the new one is heard, perhaps when it has tried again", () => {
        if (lostOf(second) > 0 && receivedOf(a).length < 2) second.send(a.address, numbered(2_000_001));
        return receivedOf(a).length > 1;
      });
      const kinds = a.events.map(({ kind }) => kind);
      assert.ok(kinds.indexOf("lost") > kinds.indexOf("received") && kinds.indexOf("lost") < kinds.lastIndexOf("received"));
      await sendUntil(second);
      const numbers = conversations(second).flat();
      assert.ok(
        (numbers[0] as number) > (receivedOf(first).map(numberOf).at(-1) as number),
        "nothing that was meant for the first",
      );
    });

    under("where more is queued than there is room for, both are told, and a new conversation begins", async (world) => {
      const [a, b] = [await world.open(), await world.open()];
      a.send(b.address, numbered(1));
      b.send(a.address, numbered(1));
      await until("they talk", () => receivedOf(a).length === 1 && receivedOf(b).length === 1);
      const size = 60_000;
      const count = Math.ceil(world.queueBytesMax / size) + 2;
      for (let number = 0; number < count; number++) a.send(b.address, numbered(number + 2, size));
      assert.equal(lostOf(a), 0, "not from within a call");
      await until("both are told", () => lostOf(a) === 1 && lostOf(b) === 1);
      a.send(b.address, numbered(9_000_000));
      await until("what is sent then arrives", () => receivedOf(b).some((frame) => numberOf(frame) === 9_000_000));
      assert.deepEqual(conversations(b).at(-1), [9_000_000]);
    });

    under("a node that is forgotten gets what was queued, then both ends are told; it may begin again", async (world) => {
      const [a, b] = [await world.open(), await world.open()];
      for (let number = 0; number < 500; number++) a.send(b.address, numbered(number, 2000));
      a.forget(b.address);
      await until("both are told", () => lostOf(a) === 1 && lostOf(b) === 1);
      assert.deepEqual(conversations(b)[0]?.length, 500);
      b.send(a.address, numbered(7));
      a.send(b.address, numbered(8));
      await until("they talk again", () => receivedOf(a).length === 1 && receivedOf(b).length === 501);
    });

    under(
      "a node that closes while it is sent to and sends: the other has a beginning, hears of it, and it hears nothing more",
      async (world) => {
        const [a, b] = [await world.open(), await world.open()];
        let number = 0;
        await until("a good deal has arrived", () => {
          for (let burst = 0; burst < 50; burst++) {
            a.send(b.address, numbered(number, 1000));
            b.send(a.address, numbered(number++, 1000));
          }
          return receivedOf(b).length > 1000;
        });
        const closed = a.close();
        const heard = a.events.length;
        a.send(b.address, numbered(1_000_000));
        await closed;
        await a.close();
        await until("it is told", () => lostOf(b) > 0);
        assert.equal(a.events.length, heard);
        const [first] = conversations(b) as [number[]];
        assert.deepEqual(
          first,
          first.map((_, index) => index),
        );
        assert.ok(first.length <= number);
      },
    );

    under("the listener may send, forget and close from within", async (world) => {
      const recorder = new Recorder();
      const port = await world.openPort({
        received: (from, frame) => {
          recorder.received(from, frame);
          if (numberOf(frame) < 10) port.send(from, frame);
          else if (numberOf(frame) === 10) port.forget(from);
          else void port.close();
        },
        lost: (address) => {
          recorder.lost(address);
          port.send(address, numbered(99));
        },
      });
      const b = await world.open();
      for (let number = 0; number <= 10; number++) b.send(port.address, numbered(number));
      await until(
        "all but the last came back, and then it sent anew",
        () => numberOf(receivedOf(b).at(-1) ?? numbered(0)) === 99,
      );
      assert.deepEqual(conversations(b)[0], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
      for (let number = 11; number <= 13; number++) b.send(port.address, numbered(number));
      await until("it has closed", () => lostOf(b) >= 2);
      assert.equal(recorder.events.filter((event) => event.kind === "received").length, 12, "it hears nothing more");
    });

    under(
      "links that break again and again: what arrives is a beginning of each conversation, and both ends agree on them",
      async (world) => {
        const [a, b] = [await world.open(), await world.open()];
        const sent = new Map<TestNode, number[][]>([a, b].map((node) => [node, [[]]]));
        let number = 0;
        for (let round = 0; round < 15; round++) {
          const before = receivedOf(b).length;
          await until("some have arrived", () => {
            for (const [from, to] of [[a, b] as const, [b, a] as const]) {
              // What is sent behind the n-th `lost` belongs to the conversation that begins there.
              const runs = sent.get(from) as number[][];
              while (runs.length <= lostOf(from)) runs.push([]);
              for (let burst = 0; burst < 10; burst++) {
                runs.at(-1)?.push(number);
                from.send(to.address, numbered(number++, 100 + ((number * 7919) % 3000)));
              }
            }
            return receivedOf(b).length > before + 100;
          });
          world.break(a, b);
          await until("the break is told", () => lostOf(a) > round && lostOf(b) > round);
        }
        for (const [from, to] of [[a, b] as const, [b, a] as const]) {
          const runs = sent.get(from) as number[][];
          let at = 0;
          for (const arrived of conversations(to).filter((run) => run.length > 0)) {
            at = runs.findIndex((run, index) => index >= at && run.includes(arrived[0] as number));
            assert.ok(at >= 0, "conversations follow one another");
            assert.deepEqual(arrived, (runs[at] as number[]).slice(0, arrived.length), "a beginning of one conversation");
            at++;
          }
        }
      },
    );

    for (const direction of ["to", "from"] as const) {
      under(
        `a link in which nothing arrives ${direction} the other end is noticed by both within about three seconds`,
        async (world) => {
          const [a, b] = [await world.open(), await world.open()];
          b.send(a.address, numbered(1));
          await until("they talk", () => receivedOf(a).length === 1);
          a.send(b.address, numbered(1));
          await until("they talk", () => receivedOf(b).length === 1);
          const [from, to] = direction === "to" ? [a, b] : [b, a];
          world.stall(from, to);
          const began = performance.now();
          from.send(to.address, numbered(2));
          await until("both are told", () => lostOf(a) > 0 && lostOf(b) > 0);
          const ms = performance.now() - began;
          assert.ok(ms < 4500, `${ms} ms`);
          world.heal(from, to);
          await until("they talk again", () => {
            if (receivedOf(to).length < 2) from.send(to.address, numbered(3));
            return receivedOf(to).length > 1;
          });
          assert.ok(!receivedOf(to).some((frame) => numberOf(frame) === 2));
        },
      );
    }
  });
}
