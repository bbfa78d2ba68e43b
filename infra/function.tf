# The role that functions of any run execute with.
resource "aws_iam_role" "function" {
  name               = local.function_role
  description        = "Execution role of benchmarked Lambda functions"
  assume_role_policy = templatefile("${path.module}/policies/function-trust.json", local.names)
}

resource "aws_iam_role_policy" "function" {
  name   = "function"
  role   = aws_iam_role.function.id
  policy = templatefile("${path.module}/policies/function.json", local.names)
}
