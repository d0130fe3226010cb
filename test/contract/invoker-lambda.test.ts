import { LambdaServer } from "../aws/lambda-server/lambda-server.js";
import { ANSWER_BYTES_MAX, invokerContract } from "./invoker.contract.js";
import { lambdaInvoker, scriptedCode } from "./scripted-lambda.js";

for (const streams of [true, false]) {
  invokerContract(
    streams ? "Lambda" : "Lambda without response streaming",
    async (callee) => {
      // Without the permission to look at the function's timeout, calls end at the deadline of their own.
      const server = await LambdaServer.start({ streaming: streams, denied: ["lambda:GetFunctionConfiguration"] });
      const arn = server.deploy("scripted", { code: scriptedCode(callee) });
      const invoker = lambdaInvoker(server, arn, { answerBytesMax: ANSWER_BYTES_MAX });
      return {
        invoker,
        dispose: async () => {
          await invoker.close();
          await server.close();
        },
      };
    },
    { isHttp: false, streams },
  );
}
