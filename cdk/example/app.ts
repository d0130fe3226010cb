/** `npx cdk synth`, `npx cdk deploy`: account and region are those of the AWS credentials in use. */
import { App, Validations } from "aws-cdk-lib";
import { AwsSolutionsChecks } from "cdk-nag";
import { ShopStack } from "./shop-stack.js";

const app = new App();
Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
new ShopStack(app, "HoldfastShop", { description: "Holdfast with the shopping cart example" });
