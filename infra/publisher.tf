# A task that publishes a cell's messages next to its topic; it runs only while there are any.
locals {
  publisher_log_group = "/ecs/${var.name}-publisher"
  publisher_names     = merge(local.names, { log_group = local.publisher_log_group })
  default_network     = var.publisher && length(var.publisher_subnet_ids) == 0
  publisher_subnets   = local.default_network ? flatten(data.aws_subnets.default[*].ids) : var.publisher_subnet_ids
}

data "aws_vpc" "default" {
  count = local.default_network ? 1 : 0

  default = true
}

data "aws_subnets" "default" {
  count = local.default_network ? 1 : 0

  filter {
    name   = "vpc-id"
    values = data.aws_vpc.default[*].id
  }

  filter {
    name   = "default-for-az"
    values = ["true"]
  }
}

data "aws_subnet" "publisher" {
  count = var.publisher ? 1 : 0

  id = local.publisher_subnets[0]
}

resource "aws_security_group" "publisher" {
  count = var.publisher ? 1 : 0

  name        = "${var.name}-publisher"
  description = "Publisher: out over TLS, nothing in"
  vpc_id      = one(data.aws_subnet.publisher[*].vpc_id)
}

resource "aws_vpc_security_group_egress_rule" "publisher" {
  count = var.publisher ? 1 : 0

  security_group_id = one(aws_security_group.publisher[*].id)
  description       = "AWS's endpoints"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_cloudwatch_log_group" "publisher" {
  count = var.publisher ? 1 : 0

  name              = local.publisher_log_group
  retention_in_days = var.log_days
}

# What the plugin has to know of the network stands in the cluster's tags.
resource "aws_ecs_cluster" "publisher" {
  count = var.publisher ? 1 : 0

  name = var.name

  tags = {
    "pytest-lambda-ml:subnets"        = join(" ", slice(local.publisher_subnets, 0, min(9, length(local.publisher_subnets))))
    "pytest-lambda-ml:security-group" = one(aws_security_group.publisher[*].id)
  }
}

# The plugin adds revisions with the image of its own version; this one holds all the rest.
resource "aws_ecs_task_definition" "publisher" {
  count = var.publisher ? 1 : 0

  family                   = var.name
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.publisher_size.cpu
  memory                   = var.publisher_size.memory
  task_role_arn            = one(aws_iam_role.publisher[*].arn)
  execution_role_arn       = one(aws_iam_role.publisher_start[*].arn)

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = "X86_64"
  }

  container_definitions = jsonencode([{
    name      = "publisher"
    image     = "public.ecr.aws/lambda/python:3.13"
    essential = true
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = local.publisher_log_group
        awslogs-region        = local.region
        awslogs-stream-prefix = "publisher"
      }
    }
  }])
}

resource "aws_iam_role" "publisher" {
  count = var.publisher ? 1 : 0

  name               = local.names.publisher_role
  description        = "What the publisher may do"
  assume_role_policy = templatefile("${path.module}/policies/publisher-trust.json", local.names)
}

resource "aws_iam_role_policy" "publisher" {
  count = var.publisher ? 1 : 0

  name   = "publisher"
  role   = one(aws_iam_role.publisher[*].id)
  policy = templatefile("${path.module}/policies/publisher.json", local.names)
}

resource "aws_iam_role" "publisher_start" {
  count = var.publisher ? 1 : 0

  name               = local.names.publisher_start_role
  description        = "How Fargate starts the publisher"
  assume_role_policy = templatefile("${path.module}/policies/publisher-trust.json", local.names)
}

resource "aws_iam_role_policy" "publisher_start" {
  count = var.publisher ? 1 : 0

  name   = "publisher-start"
  role   = one(aws_iam_role.publisher_start[*].id)
  policy = templatefile("${path.module}/policies/publisher-start.json", local.publisher_names)
}
