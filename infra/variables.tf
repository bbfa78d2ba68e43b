variable "region" {
  description = "Region of the base; null: the one of AWS_REGION or of the profile. One base per region."
  type        = string
  default     = null

  validation {
    condition     = var.region == null || can(regex("^[a-z]{2,3}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region is the name of an AWS region, such as eu-west-1."
  }
}

variable "name" {
  description = "How the names of all resources of the base begin."
  type        = string
  default     = "pytest-lambda-ml"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "name has 3 to 20 lower-case letters, digits and hyphens, and begins with a letter."
  }

  validation {
    condition     = !startswith(var.name, "plml")
    error_message = "Names that begin with plml belong to the resources of runs."
  }
}

variable "tags" {
  description = "Tags of every resource, beside project."
  type        = map(string)
  default     = {}
}

variable "github_repository" {
  description = "GitHub repository (owner/name) whose workflows may assume the runner role; null: no such role."
  type        = string
  default     = null

  validation {
    condition     = var.github_repository == null || can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", var.github_repository))
    error_message = "github_repository is owner/name, without wildcards."
  }
}

variable "github_subject" {
  description = "Which workflow runs of the repository may assume the role: the end of the token's subject."
  type        = string
  default     = "ref:refs/heads/main"

  validation {
    condition     = can(regex("^(ref:refs/(heads|tags)/|environment:|pull_request$)", var.github_subject))
    error_message = "github_subject is ref:refs/heads/BRANCH, ref:refs/tags/TAG, environment:NAME or pull_request."
  }
}

variable "github_oidc_provider_arn" {
  description = "ARN of the account's OIDC provider for GitHub Actions where there is one; null: create it."
  type        = string
  default     = null

  validation {
    condition     = var.github_oidc_provider_arn == null || can(regex(":oidc-provider/token\\.actions\\.githubusercontent\\.com$", var.github_oidc_provider_arn))
    error_message = "github_oidc_provider_arn ends in :oidc-provider/token.actions.githubusercontent.com."
  }
}

variable "existing_functions" {
  description = "ARNs of functions outside the base that the runner may benchmark (lambda_benchmark(function=...)): invoke them, and publish versions and aliases of them; empty: none."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.existing_functions : can(regex("^arn:aws[a-z-]*:lambda:[a-z0-9-]+:[0-9]{12}:function:[A-Za-z0-9_-]+$", arn))])
    error_message = "existing_functions are ARNs of functions, without qualifier and wildcards."
  }
}

variable "existing_log_groups" {
  description = "Names of the log groups of existing_functions where they are not /aws/lambda/NAME."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for name in var.existing_log_groups : can(regex("^[A-Za-z0-9_/.#-]{1,512}$", name))])
    error_message = "existing_log_groups are names of log groups, without wildcards."
  }
}

variable "package_days" {
  description = "Days after which packages and models in the bucket expire; the next run uploads what it needs again."
  type        = number
  default     = 90

  validation {
    condition     = var.package_days >= 1 && floor(var.package_days) == var.package_days
    error_message = "package_days is a whole number of days, 1 or more."
  }
}

variable "images_kept" {
  description = "Images that the repository keeps; older ones expire."
  type        = number
  default     = 30

  validation {
    condition     = var.images_kept >= 1 && floor(var.images_kept) == var.images_kept
    error_message = "images_kept is a whole number, 1 or more."
  }
}

variable "datasets" {
  description = "CSV files to keep in the bucket for the publisher: any name for each, and its path."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for path in values(var.datasets) : fileexists(path)])
    error_message = "A file of datasets does not exist; paths are relative to the current directory."
  }
}

variable "publisher" {
  description = "Whether to create the Fargate task that publishes next to the topics (--lambda-publisher fargate)."
  type        = bool
  default     = true
}

variable "publisher_subnet_ids" {
  description = "Subnets with a way to the internet for the publisher; empty: those of the default VPC."
  type        = list(string)
  default     = []

  validation {
    condition     = length(var.publisher_subnet_ids) <= 9
    error_message = "At most 9 subnets: their ids are kept in one tag of the cluster."
  }
}

variable "publisher_size" {
  description = "CPU units and memory (MiB) of the publisher, a pair that Fargate offers."
  type        = object({ cpu = number, memory = number })
  default     = { cpu = 1024, memory = 2048 }

  validation {
    condition     = contains([256, 512, 1024, 2048, 4096], var.publisher_size.cpu) && var.publisher_size.memory >= var.publisher_size.cpu * 2 && var.publisher_size.memory <= var.publisher_size.cpu * 8
    error_message = "cpu is 256, 512, 1024, 2048 or 4096, and memory 2 to 8 times as much."
  }
}

variable "log_days" {
  description = "Days that the publisher's log is kept."
  type        = number
  default     = 14

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365], var.log_days)
    error_message = "log_days is one of 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365."
  }
}

variable "budget_usd" {
  description = "Spend a month, on the services that runs use, at whose 80 and 100 per cent budget_emails are told."
  type        = number
  default     = 20

  validation {
    condition     = var.budget_usd > 0
    error_message = "budget_usd is more than 0."
  }
}

variable "budget_emails" {
  description = "Who is told when the budget is used up; empty: no budget."
  type        = list(string)
  default     = []

  validation {
    condition     = length(var.budget_emails) <= 10 && alltrue([for address in var.budget_emails : can(regex("^[^@ ]+@[^@ ]+$", address))])
    error_message = "budget_emails are at most 10 e-mail addresses."
  }
}
