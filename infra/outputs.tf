# The names of the first are ini keys: what `terraform output` prints of them is TOML for [tool.pytest].
output "aws_region" {
  description = "Region of the base."
  value       = local.region
}

output "lambda_role" {
  description = "Execution role of the functions."
  value       = aws_iam_role.function.arn
}

output "lambda_bucket" {
  description = "Bucket for packages, models, data sets and large messages."
  value       = aws_s3_bucket.this.id
}

output "lambda_repository" {
  description = "Repository for images."
  value       = aws_ecr_repository.this.name
}

output "lambda_cluster" {
  description = "Cluster and task definition of the publisher; null without it."
  value       = one(aws_ecs_cluster.publisher[*].name)
}

output "ini" {
  description = "The lines for pytest.ini: terraform output -raw ini"
  value = join("", concat(
    [
      "lambda_role = ${aws_iam_role.function.arn}\n",
      "lambda_bucket = ${aws_s3_bucket.this.id}\n",
      "lambda_repository = ${aws_ecr_repository.this.name}\n",
    ],
    [for name in aws_ecs_cluster.publisher[*].name : "lambda_cluster = ${name}\n"],
  ))
}

output "runner_policy_arn" {
  description = "Policy of those who run pytest."
  value       = aws_iam_policy.runner.arn
}

output "existing_functions_policy_arn" {
  description = "Further policy of those who benchmark existing_functions; null without them."
  value       = one(aws_iam_policy.existing_functions[*].arn)
}

output "runner_role_arn" {
  description = "Role for aws-actions/configure-aws-credentials; null without github_repository."
  value       = one(aws_iam_role.runner[*].arn)
}
