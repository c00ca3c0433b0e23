//! The download of a payload, the only use of S3.

use std::fmt;
use std::str::FromStr;

use aws_config::{Region, SdkConfig};
use aws_sdk_lambda::error::SdkError;

use super::calls::Calls;
use super::error::AwsError;
use crate::quote::quoted;

/// `s3://BUCKET/KEY`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Url {
    bucket: String,
    key: String,
}

impl S3Url {
    /// Returns the object's ARN as an IAM policy needs it: characters that are special in its patterns are
    /// written as policy variables.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#policy-vars-specialchars>
    pub fn arn_pattern(&self, partition: &str) -> String {
        let is_special = |c: char| matches!(c, '*' | '?' | '$');
        let escaped = |c: char| if is_special(c) { format!("${{{c}}}") } else { c.to_string() };
        let key: String = self.key.chars().map(escaped).collect();
        format!("arn:{partition}:s3:::{}/{key}", self.bucket)
    }
}

impl fmt::Display for S3Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.key)
    }
}

/// The error for a text that is not the URL of an S3 object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} is not the URL of an S3 object; write s3://BUCKET/KEY", quoted(.0))]
pub struct NotAnS3Url(String);

impl FromStr for S3Url {
    type Err = NotAnS3Url;

    fn from_str(text: &str) -> Result<S3Url, NotAnS3Url> {
        text.strip_prefix("s3://")
            .and_then(|rest| rest.split_once('/'))
            .filter(|(bucket, key)| !bucket.is_empty() && !key.is_empty())
            .map(|(bucket, key)| S3Url { bucket: bucket.to_owned(), key: key.to_owned() })
            .ok_or_else(|| NotAnS3Url(text.to_owned()))
    }
}

/// Downloads an object, whichever region its bucket is in.
pub(super) async fn object(config: &SdkConfig, calls: &Calls, url: &S3Url) -> Result<Vec<u8>, AwsError> {
    const ACTION: &str = "s3:GetObject";
    let get = async |region: Option<Region>| {
        let mut config = config.to_builder();
        config.set_region(region);
        let client = aws_sdk_s3::Client::new(&config.build());
        client.get_object().bucket(&url.bucket).key(&url.key).send().await
    };
    let region = config.region().cloned();
    let output = calls
        .make(None, ACTION, url, async || match get(region.clone()).await {
            Err(error) => match region_of_bucket(&error).filter(|other| Some(other) != region.as_ref()) {
                Some(other) => get(Some(other)).await,
                None => Err(error),
            },
            output => output,
        })
        .await?;
    let body = output.body.collect().await;
    body.map(|bytes| bytes.to_vec()).map_err(|error| AwsError::broken_answer(ACTION, url.to_string(), &error))
}

/// Returns the region of a bucket. S3 names it when it refuses a request that was sent to another region.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html>
fn region_of_bucket<E>(error: &SdkError<E>) -> Option<Region> {
    let region = error.raw_response()?.headers().get("x-amz-bucket-region")?;
    Some(Region::new(region.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_bucket_and_a_key() {
        let url: S3Url = "s3://bucket/a/b c.json".parse().expect("a URL");
        assert_eq!((&*url.bucket, &*url.key), ("bucket", "a/b c.json"));
        assert_eq!(url.to_string(), "s3://bucket/a/b c.json");
        assert_eq!(url.arn_pattern("aws-cn"), "arn:aws-cn:s3:::bucket/a/b c.json");
        let special: S3Url = "s3://bucket/${a}*?".parse().expect("a URL");
        assert_eq!(special.arn_pattern("aws"), "arn:aws:s3:::bucket/${$}{a}${*}${?}");
        for text in
            ["", "s3://", "s3://bucket", "s3://bucket/", "s3:///key", "https://bucket/key", "bucket/key"]
        {
            assert!(text.parse::<S3Url>().is_err(), "{text}");
        }
    }
}
