# What pytest may do: a policy to attach to whoever runs it, and a role for GitHub Actions.
resource "aws_iam_policy" "runner" {
  name        = "${local.role_prefix}-runner"
  description = "Run pytest-lambda-ml benchmarks on this base"
  policy      = templatefile("${path.module}/policies/runner.json", local.names)
}

# What it may do with functions that are not the base's: a policy of its own, so that the base's stays the same.
resource "aws_iam_policy" "existing_functions" {
  count = length(var.existing_functions) > 0 ? 1 : 0

  name        = "${local.role_prefix}-existing-functions"
  description = "Benchmark functions that exist already with pytest-lambda-ml"
  policy      = templatefile("${path.module}/policies/existing-function.json", local.existing_functions)

  lifecycle {
    precondition {
      condition     = alltrue([for arn in var.existing_functions : startswith(arn, "arn:${local.partition}:lambda:${local.region}:${local.account}:")])
      error_message = "existing_functions are functions of ${local.region} in account ${local.account}, where the base is: those of another region belong to its base."
    }
  }
}

resource "aws_iam_role_policy_attachment" "existing_functions" {
  count = local.github_runner && length(var.existing_functions) > 0 ? 1 : 0

  role       = one(aws_iam_role.runner[*].name)
  policy_arn = one(aws_iam_policy.existing_functions[*].arn)
}

locals {
  # Both forms of each ARN: reading events is refused on NAME:log-stream:, and documented on NAME.
  existing_log_groups = flatten([
    for name in concat([for arn in var.existing_functions : "/aws/lambda/${split(":", arn)[6]}"], var.existing_log_groups) :
    [for end in ["", ":*"] : "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:${name}${end}"]
  ])

  # Each placeholder stands between the quotation marks of a list.
  existing_functions = {
    functions  = join("\", \"", var.existing_functions)
    versions   = join("\", \"", [for arn in var.existing_functions : "${arn}:*"])
    log_groups = join("\", \"", local.existing_log_groups)
  }

  github_runner = var.github_repository != null
  new_provider  = local.github_runner && var.github_oidc_provider_arn == null
  provider_arn  = local.new_provider ? one(aws_iam_openid_connect_provider.github[*].arn) : var.github_oidc_provider_arn
}

resource "aws_iam_openid_connect_provider" "github" {
  count = local.new_provider ? 1 : 0

  url            = "https://token.actions.githubusercontent.com"
  client_id_list = ["sts.amazonaws.com"]
}

resource "aws_iam_role" "runner" {
  count = local.github_runner ? 1 : 0

  name                 = "${local.role_prefix}-runner"
  description          = "Benchmarks from workflows of ${var.github_repository}"
  max_session_duration = 4 * 3600 # a grid with a concurrency of 10 takes its time

  assume_role_policy = templatefile("${path.module}/policies/runner-trust.json", {
    oidc_provider = local.provider_arn
    repository    = var.github_repository
    subject       = var.github_subject
  })
}

resource "aws_iam_role_policy_attachment" "runner" {
  count = local.github_runner ? 1 : 0

  role       = one(aws_iam_role.runner[*].name)
  policy_arn = aws_iam_policy.runner.arn
}
