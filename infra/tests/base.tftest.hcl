# What needs no AWS at all, and what a stand-in for AWS lacks (budgets, lifecycles).
# Run with: terraform -chdir=infra init && terraform -chdir=infra test

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws-cn" }
  }
  mock_data "aws_region" {
    defaults = { name = "cn-north-1" }
  }
  mock_data "aws_subnets" {
    defaults = { ids = ["subnet-1", "subnet-2"] }
  }
}

run "no_one_is_told_and_no_one_let_in_unless_asked" {
  command = plan

  assert {
    condition     = length(aws_budgets_budget.month) == 0
    error_message = "A budget that tells nobody was planned."
  }
  assert {
    condition     = length(aws_iam_role.runner) == 0 && length(aws_iam_openid_connect_provider.github) == 0
    error_message = "A role for GitHub Actions was planned without a repository."
  }
  assert {
    condition     = length(aws_iam_policy.existing_functions) == 0
    error_message = "The runner may touch functions that nobody named."
  }
}

run "names_follow_the_region_and_the_partition" {
  command = plan

  assert {
    condition     = aws_s3_bucket.this.bucket == "pytest-lambda-ml-123456789012-cn-north-1"
    error_message = "The bucket's name does not say account and region."
  }
  assert {
    condition = alltrue([
      for document in [aws_iam_role_policy.function.policy, aws_iam_policy.runner.policy] :
      strcontains(document, "arn:aws-cn:") && !strcontains(document, "arn:aws:")
    ])
    error_message = "A policy names another partition."
  }
}

run "budget_with_alarm" {
  command = plan

  variables {
    budget_usd    = 12.5
    budget_emails = ["team@example.org"]
  }

  assert {
    condition     = one(aws_budgets_budget.month).limit_amount == "12.5" && one(aws_budgets_budget.month).time_unit == "MONTHLY"
    error_message = "The budget is not the one asked for."
  }
  assert {
    condition = alltrue([
      for alarm in one(aws_budgets_budget.month).notification :
      contains(alarm.subscriber_email_addresses, "team@example.org")
    ]) && length(one(aws_budgets_budget.month).notification) == 2
    error_message = "The budget does not tell whom it should."
  }
}

run "bucket_is_closed_encrypted_and_forgets" {
  command = plan

  assert {
    condition     = aws_s3_bucket_public_access_block.this.block_public_acls && aws_s3_bucket_public_access_block.this.block_public_policy && aws_s3_bucket_public_access_block.this.ignore_public_acls && aws_s3_bucket_public_access_block.this.restrict_public_buckets
    error_message = "The bucket may become public."
  }
  assert {
    condition     = strcontains(aws_s3_bucket_policy.this.policy, "\"aws:SecureTransport\": \"false\"")
    error_message = "The bucket answers without TLS."
  }
  assert {
    condition     = { for rule in aws_s3_bucket_lifecycle_configuration.this.rule : rule.id => rule.status } == { for name in ["artifacts", "messages", "packages", "publisher", "training", "unfinished-uploads"] : name => "Enabled" }
    error_message = "Something in the bucket never expires."
  }
}

run "github_actions_of_one_branch" {
  command = plan

  variables {
    github_repository        = "octo/benchmarks"
    github_subject           = "environment:aws"
    github_oidc_provider_arn = "arn:aws-cn:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
  }

  assert {
    condition     = length(aws_iam_openid_connect_provider.github) == 0
    error_message = "The account's own provider was not used."
  }
  assert {
    condition     = jsondecode(one(aws_iam_role.runner).assume_role_policy).Statement[0].Condition.StringLike["token.actions.githubusercontent.com:sub"] == "repo:octo/benchmarks:environment:aws"
    error_message = "Workflows other than the named ones may assume the runner role."
  }
}

run "functions_that_exist_already_by_their_arn" {
  command = plan

  variables {
    github_repository   = "octo/benchmarks"
    existing_functions  = ["arn:aws-cn:lambda:cn-north-1:123456789012:function:one", "arn:aws-cn:lambda:cn-north-1:123456789012:function:two"]
    existing_log_groups = ["/ours"]
  }

  assert {
    condition = jsondecode(one(aws_iam_policy.existing_functions).policy).Statement[1].Resource == [
      "arn:aws-cn:lambda:cn-north-1:123456789012:function:one:*",
      "arn:aws-cn:lambda:cn-north-1:123456789012:function:two:*",
    ]
    error_message = "Something other than versions of the two functions may be deleted."
  }
  assert {
    condition = jsondecode(one(aws_iam_policy.existing_functions).policy).Statement[2].Resource == flatten([
      for name in ["/aws/lambda/one", "/aws/lambda/two", "/ours"] :
      ["arn:aws-cn:logs:cn-north-1:123456789012:log-group:${name}", "arn:aws-cn:logs:cn-north-1:123456789012:log-group:${name}:*"]
    ])
    error_message = "The functions' logs may not be read, or others may."
  }
  assert {
    condition     = length(aws_iam_role_policy_attachment.existing_functions) == 1
    error_message = "The role for GitHub Actions does not get the policy."
  }
}

run "functions_of_another_region_are_refused" {
  command = plan

  variables {
    existing_functions = ["arn:aws-cn:lambda:cn-north-1:123456789012:function:one", "arn:aws-cn:lambda:cn-northwest-1:123456789012:function:two"]
  }

  expect_failures = [aws_iam_policy.existing_functions]
}

run "functions_of_another_account_are_refused" {
  command = plan

  variables {
    existing_functions = ["arn:aws-cn:lambda:cn-north-1:123456789012:function:one", "arn:aws-cn:lambda:cn-north-1:210987654321:function:two"]
  }

  expect_failures = [aws_iam_policy.existing_functions]
}

run "no_publisher" {
  command = plan

  variables {
    publisher = false
  }

  assert {
    condition     = length(aws_ecs_cluster.publisher) == 0 && length(aws_iam_role.publisher) == 0 && length(aws_cloudwatch_log_group.publisher) == 0
    error_message = "Parts of the publisher were planned without it."
  }
}

run "what_is_not_legal_is_refused" {
  command = plan

  variables {
    region                   = "Frankfurt"
    name                     = "plml-base"
    github_repository        = "octo/*"
    github_subject           = "*"
    github_oidc_provider_arn = "arn:aws:iam::123456789012:oidc-provider/example.org"
    existing_functions       = ["arn:aws:lambda:eu-west-1:123456789012:function:*"]
    existing_log_groups      = ["/aws/*"]
    package_days             = 0
    images_kept              = 1.5
    datasets                 = { emotion = "no/such/file.csv" }
    publisher_subnet_ids     = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"]
    publisher_size           = { cpu = 1024, memory = 1024 }
    log_days                 = 2
    budget_usd               = 0
    budget_emails            = ["nobody"]
  }

  expect_failures = [
    var.region,
    var.name,
    var.github_repository,
    var.github_subject,
    var.github_oidc_provider_arn,
    var.existing_functions,
    var.existing_log_groups,
    var.package_days,
    var.images_kept,
    var.datasets,
    var.publisher_subnet_ids,
    var.publisher_size,
    var.log_days,
    var.budget_usd,
    var.budget_emails,
  ]
}
