# A budget that tells people; the hard stop of a run is --lambda-budget.
resource "aws_budgets_budget" "month" {
  count = length(var.budget_emails) > 0 ? 1 : 0

  name         = local.role_prefix
  budget_type  = "COST"
  time_unit    = "MONTHLY"
  limit_amount = tostring(var.budget_usd)
  limit_unit   = "USD"

  cost_filter {
    name = "Service"
    values = [
      "AWS Lambda",
      "Amazon Simple Notification Service",
      "Amazon Simple Queue Service",
      "Amazon Simple Storage Service",
      "Amazon EC2 Container Registry (ECR)",
      "Amazon Elastic Container Service",
      "AmazonCloudWatch",
    ]
  }

  notification {
    comparison_operator        = "GREATER_THAN"
    threshold                  = 80
    threshold_type             = "PERCENTAGE"
    notification_type          = "ACTUAL"
    subscriber_email_addresses = var.budget_emails
  }

  notification {
    comparison_operator        = "GREATER_THAN"
    threshold                  = 100
    threshold_type             = "PERCENTAGE"
    notification_type          = "FORECASTED"
    subscriber_email_addresses = var.budget_emails
  }
}
